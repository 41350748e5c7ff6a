import type { Context } from './context.ts'

/**
 * How a flag's text becomes a value:
 * `bool` needs no argument; `list` repeats; `strings` repeats and splits at commas; `map` collects `key=value`;
 * `bytes` takes `10m`; `duration` (nanoseconds) takes `1m30s`; `cpus` (billionths of a CPU) takes `1.5`.
 */
export type FlagType = 'bool' | 'string' | 'int' | 'cpus' | 'bytes' | 'duration' | 'list' | 'strings' | 'map' | 'filter'

/** What a shell can complete an argument with. */
export type Completion =
  | 'container'
  | 'running-container'
  | 'stopped-container'
  | 'image'
  | 'network'
  | 'volume'
  | 'file'
  | 'context'
  | readonly string[]

export interface FlagSpec {
  readonly type: FlagType
  readonly short?: string
  readonly default?: string | number | boolean
  readonly help: string
  /** Name of the value in the help text, where the type does not say it: `mount`, `network`. */
  readonly value?: string
  /** Checks (and may rewrite) one value. @throws with the reason, which is shown behind the flag's name */
  readonly check?: (text: string) => string
  /** The list of another flag, that values are added to: their order on the command line is kept. */
  readonly into?: string
  /** Not in the help; using it prints this. */
  readonly deprecated?: string
  readonly hidden?: boolean
  readonly complete?: Completion
}

export type FlagTable = Readonly<Record<string, FlagSpec>>

// A table that is only known to be one says nothing of its values.
type ValueOf<S extends FlagSpec> = FlagType extends S['type']
  ? unknown
  : S['type'] extends 'bool'
    ? boolean
    : S['type'] extends 'int' | 'cpus' | 'bytes' | 'duration'
      ? number
      : S['type'] extends 'list' | 'strings'
        ? string[]
        : S['type'] extends 'map'
          ? Record<string, string>
          : S['type'] extends 'filter'
            ? Record<string, string[]>
            : string

export type FlagValues<F extends FlagTable> = { [K in keyof F]: ValueOf<F[K]> }

export interface Input<F extends FlagTable = FlagTable> {
  args: string[]
  flags: FlagValues<F>
  /** Flags that were given, as opposed to their defaults. */
  changed: ReadonlySet<string>
  /** Flags of the group, given between the group's and the command's name (`compose -f x up`). */
  group: { flags: Record<string, unknown>; changed: ReadonlySet<string> }
  /** As typed, with the program: `berth container run`. */
  path: string
}

export interface Command<F extends FlagTable = FlagTable> {
  /** What follows the name: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string
  /** Fewest and most positional arguments. */
  readonly args: readonly [number, number]
  readonly flags: F
  /** False stops looking for flags at the first positional argument (`run`, `exec`). */
  readonly interspersed?: boolean
  /** More than the summary says. */
  readonly description?: string
  readonly complete?: Completion
  /** Exit code when the daemon or the command line is at fault; 1 unless given. */
  readonly failure?: number
  /** @returns the exit code; nothing means 0 */
  run(context: Context, input: Input<F>): Promise<number | void>
}

/** A command's place in a table: cheap to list, loaded when used. */
export interface CommandEntry {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  readonly hidden?: boolean
  load(): Promise<{ command: Command }>
}

export interface Group {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  readonly flags?: FlagTable
  readonly commands: readonly CommandEntry[]
  /** Groups within: `volume schedule create`. */
  readonly groups?: readonly Group[]
}

/** Types a command's flags from its table. */
export function defineCommand<const F extends FlagTable>(command: Command<F>): Command {
  return command as unknown as Command
}

export function entry(
  name: string,
  summary: string,
  load: () => Promise<{ command: Command }>,
  more: { aliases?: readonly string[]; hidden?: boolean } = {},
): CommandEntry {
  return { name, summary, load, ...more }
}

/** An end of the program that has been thought of: its text goes to stderr as it is. */
export class CliError extends Error {
  /** Undefined leaves it to the command: `Command.failure`, else 1. */
  readonly exitCode: number | undefined

  constructor(message: string, exitCode?: number) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
  }
}

/** For a `--format` that a command has not. @param known at least two */
export function unsupportedFormat(format: string, known: readonly string[], exitCode?: number): CliError {
  const choice = `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`
  return new CliError(`unsupported format ${JSON.stringify(format)}: use ${choice}`, exitCode)
}

/** A wrong command line: printed with the usage of its command. */
export class UsageError extends CliError {}

export const FORMAT_HELP = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template`

export const INSPECT_FORMAT_HELP = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template`
