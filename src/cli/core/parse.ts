import { UsageError, type FlagSpec, type FlagTable } from './command.ts'
import { addValue, initialValue } from './values.ts'

const BAD_USAGE = 125

export interface Parsed {
  args: string[]
  flags: Record<string, unknown>
  changed: Set<string>
  /** `--help` or `-h` (where `h` is no flag) was given. */
  help: boolean
  /** Texts for stderr about deprecated flags. */
  warnings: string[]
}

/**
 * Reads flags by the rules of Go's pflag: `--name=x`, `--name x`, `-n x`, `-nx`, `-n=x`, `-abc`, `--` ends the flags.
 * @param options.interspersed false ends the flags at the first argument
 * @throws UsageError
 */
export function parseFlags(table: FlagTable, argv: readonly string[], options: { interspersed: boolean }): Parsed {
  const parsed: Parsed = { args: [], flags: {}, changed: new Set(), help: false, warnings: [] }
  const shorts = new Map<string, string>()
  for (const [name, spec] of Object.entries(table)) {
    parsed.flags[name] = initialValue(spec)
    if (spec.short) shorts.set(spec.short, name)
  }
  const set = (name: string, spec: FlagSpec, text: string) => {
    const kept = spec.into ?? name
    try {
      parsed.flags[kept] = addValue(spec, parsed.flags[kept], text)
    } catch (error) {
      const shown = spec.short ? `-${spec.short}, --${name}` : `--${name}`
      const reason = (error as Error).message
      throw new UsageError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${reason}`, BAD_USAGE)
    }
    if (spec.deprecated && !parsed.changed.has(name)) {
      parsed.warnings.push(`Flag --${name} has been deprecated, ${spec.deprecated}`)
    }
    parsed.changed.add(name)
  }

  let i = 0
  const long = (token: string) => {
    const equals = token.indexOf('=')
    const name = equals < 0 ? token.slice(2) : token.slice(2, equals)
    if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${token}`, BAD_USAGE)
    const spec = table[name]
    if (!spec) {
      if (name === 'help') parsed.help = true
      else throw new UsageError(`unknown flag: --${name}`, BAD_USAGE)
    } else if (equals >= 0) set(name, spec, token.slice(equals + 1))
    else if (spec.type === 'bool') set(name, spec, 'true')
    else if (i < argv.length) set(name, spec, argv[i++]!)
    else throw new UsageError(`flag needs an argument: ${token}`, BAD_USAGE)
  }
  const short = (token: string) => {
    for (let at = 1; at < token.length; at++) {
      const letter = token[at]!
      const name = shorts.get(letter)
      if (name === undefined) {
        if (letter === 'h') {
          parsed.help = true
          continue
        }
        throw new UsageError(`unknown shorthand flag: '${letter}' in ${token}`, BAD_USAGE)
      }
      const spec = table[name]!
      const rest = token.slice(at + 1)
      if (rest.startsWith('=')) return set(name, spec, rest.slice(1))
      if (spec.type === 'bool') {
        set(name, spec, 'true')
        continue
      }
      if (rest !== '') return set(name, spec, rest)
      if (i >= argv.length) throw new UsageError(`flag needs an argument: '${letter}' in ${token}`, BAD_USAGE)
      return set(name, spec, argv[i++]!)
    }
  }

  while (i < argv.length) {
    const token = argv[i++]!
    if (token === '--') {
      parsed.args.push(...argv.slice(i))
      break
    }
    if (token.startsWith('--')) long(token)
    else if (token.startsWith('-') && token.length > 1) short(token)
    else {
      parsed.args.push(token)
      if (options.interspersed) continue
      parsed.args.push(...argv.slice(i))
      break
    }
  }
  return parsed
}

/** @throws UsageError in Docker's words */
export function checkArgumentCount(path: string, [fewest, most]: readonly [number, number], count: number): void {
  if (count >= fewest && count <= most) return
  const plural = (n: number) => (n === 1 ? '1 argument' : `${n} arguments`)
  let text: string
  if (most === 0) text = 'accepts no arguments'
  else if (fewest === most) text = `requires ${plural(fewest)}`
  else if (most === Infinity) text = `requires at least ${plural(fewest)}`
  else if (fewest === 0) text = `requires at most ${plural(most)}`
  else text = `requires at least ${fewest} and at most ${plural(most)}`
  throw new UsageError(`'${path}' ${text}`)
}
