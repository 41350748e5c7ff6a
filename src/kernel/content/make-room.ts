import { readdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../ffi/errno.ts'

/** Bytes that a daemon needs to open its store and to write down what it finds. */
const ENOUGH = 4 << 20

/** What no record speaks of: downloads and layers that were being written, and what was being deleted. */
const UNFINISHED: readonly [directory: string, names: RegExp][] = [
  ['content/ingest', /./],
  ['snapshots', /^(new|trash)-\d+$/],
]

/**
 * For a daemon that starts on a full disk, before it opens its store: deletes what the one before was killed in the midst
 * of. With room this is left to the sweep, which keeps downloads to be taken up again.
 *
 * @returns whether there was need
 */
export function makeRoom(dataRoot: string): boolean {
  const { bavail, bsize } = statfsSync(dataRoot)
  if (bavail * bsize >= ENOUGH) return false
  for (const [directory, pattern] of UNFINISHED) {
    for (const name of namesIn(join(dataRoot, directory))) {
      if (pattern.test(name)) rmSync(join(dataRoot, directory, name), { recursive: true, force: true })
    }
  }
  return true
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  }
}
