import { invalid } from '#lib/errors.ts'
import { z } from 'zod'
import { argv, command, flag, parse, strings, text } from './schema.ts'

const consoleSize = z.array(z.number()).nullish()

const createSchema = z.object({
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ConsoleSize: consoleSize,
  DetachKeys: text,
  Tty: flag,
  Env: strings,
  Cmd: command,
  Privileged: flag,
  User: text,
  WorkingDir: text,
})
const startSchema = z.object({ Detach: flag, Tty: flag, ConsoleSize: consoleSize })

/** Body of `POST /containers/{id}/exec`, complete. @throws invalid in Docker's words */
export function execCreateRequest(body: unknown) {
  if (body === undefined) throw invalid('invalid JSON: got EOF while reading request body')
  const parsed = parse(createSchema, body)
  const words = argv(parsed.Cmd) ?? []
  if (words.length === 0 || words[0] === '') throw invalid('No exec command specified')
  for (const entry of parsed.Env ?? []) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`)
  }
  if ([...words, ...(parsed.Env ?? [])].some(word => word.includes('\0')))
    throw invalid('exec command or environment has a NUL byte')
  return {
    command: words,
    env: parsed.Env ?? [],
    user: parsed.User ?? '',
    workingDir: parsed.WorkingDir ?? '',
    privileged: parsed.Privileged ?? false,
    tty: parsed.Tty ?? false,
    attachStdin: parsed.AttachStdin ?? false,
    attachStdout: parsed.AttachStdout ?? false,
    attachStderr: parsed.AttachStderr ?? false,
    detachKeys: parsed.DetachKeys ?? '',
    consoleSize: size(parsed.ConsoleSize),
  }
}

/** Body of `POST /exec/{id}/start`; none means attached, without a terminal. @throws invalid */
export function execStartRequest(body: unknown): {
  detach: boolean
  tty: boolean
  consoleSize: [number, number] | null
} {
  const parsed = parse(startSchema, body ?? {})
  return { detach: parsed.Detach ?? false, tty: parsed.Tty ?? false, consoleSize: size(parsed.ConsoleSize) }
}

/** Height and width. */
function size(value: number[] | null | undefined): [number, number] | null {
  if (!value) return null
  const [height = 0, width = 0] = value
  if (![height, width].every(n => Number.isInteger(n) && n >= 0 && n <= 65_535)) {
    throw invalid(`invalid console size [${value.join(', ')}]: height and width must be 0 to 65535`)
  }
  return [height, width]
}
