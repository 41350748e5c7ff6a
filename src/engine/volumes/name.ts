import { invalid } from '#lib/errors.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** Longest name of a directory entry, in bytes; names are ASCII. */
const LONGEST = 255

/** @throws invalid in Docker's words, which clients show as they are */
export function checkName(name: string): void {
  if (name.length === 1 && NAME.test(name))
    throw invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`)
  if (!NAME.test(name))
    throw invalid(
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
  if (name.length > LONGEST)
    throw invalid(
      `create ${name.slice(0, 32)}…: volume name has ${name.length} characters, at most ${LONGEST} are allowed`,
    )
}
