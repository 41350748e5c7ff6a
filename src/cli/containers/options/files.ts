import { CliError } from '../../core/command.ts'

// Not imported: see core/config.ts.
const { readFileSync } = process.getBuiltinModule('node:fs')

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reason = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : code
    throw new CliError(`open ${path}: ${reason}`, 125)
  }
}

/** Lines of `K=V`; comments and blank lines skipped. A bare `K` takes its value from `lookup`, or is left out. */
export function readPairs(path: string, lookup?: (name: string) => string | undefined): string[] {
  const pairs: string[] = []
  for (const raw of read(path)
    .replace(/^\uFEFF/, '')
    .split('\n')) {
    const line = raw.replace(/\r$/, '').trimStart()
    if (line === '' || line.startsWith('#')) continue
    const at = line.indexOf('=')
    const name = at < 0 ? line : line.slice(0, at)
    if (/\s/.test(name))
      throw new CliError(`poorly formatted environment: variable '${name}' contains whitespaces`, 125)
    if (name === '') throw new CliError(`poorly formatted environment: no variable name on line '${line}'`, 125)
    if (at >= 0) pairs.push(line)
    else if (!lookup) pairs.push(line)
    else {
      const value = lookup(name)
      if (value !== undefined) pairs.push(`${name}=${value}`)
    }
  }
  return pairs
}

/** `K=V` lines as a map; a bare key is empty. */
export function toMap(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=')
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** `--security-opt` values, with the text of a seccomp profile in place of its file. */
export function readSecurityOptions(values: readonly string[]): { options: string[]; systemPathsOpen: boolean } {
  const options: string[] = []
  let systemPathsOpen = false
  for (const value of values) {
    const match = /^([^=:]+)[=:](.*)$/s.exec(value)
    if (!match) {
      if (value !== 'no-new-privileges') throw new CliError(`Invalid --security-opt: ${JSON.stringify(value)}`, 125)
      options.push(value)
    } else if (match[1] === 'systempaths' && match[2] === 'unconfined') systemPathsOpen = true
    else if (match[1] === 'seccomp' && match[2] !== 'unconfined' && match[2] !== 'builtin') {
      options.push(`seccomp=${readProfile(match[2]!)}`)
    } else options.push(value)
  }
  return { options, systemPathsOpen }
}

function readProfile(path: string): string {
  let text: string
  try {
    text = read(path)
  } catch (error) {
    throw new CliError(`opening seccomp profile (${path}) failed: ${(error as Error).message}`, 125)
  }
  try {
    return JSON.stringify(JSON.parse(text))
  } catch (error) {
    throw new CliError(`compacting json for seccomp profile (${path}) failed: ${(error as Error).message}`, 125)
  }
}
