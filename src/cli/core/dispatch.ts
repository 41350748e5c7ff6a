import {
  CliError,
  UsageError,
  type Command,
  type CommandEntry,
  type FlagTable,
  type FlagValues,
  type Group,
} from './command.ts'
import type { Context } from './context.ts'
import { checkArgumentCount, parseFlags } from './parse.ts'
import { errorText } from './report.ts'

/** Everything `berth` can do. */
export interface Root {
  /** Top-level commands; many are the same entries as a group's. */
  commands: readonly CommandEntry[]
  /** Those listed first in the help. */
  common: readonly string[]
  groups: readonly Group[]
}

export interface Found {
  path: string
  entry: CommandEntry
  group?: Group
}

const answersTo = (item: CommandEntry | Group, name: string) => item.name === name || item.aliases?.includes(name)

export function findGroup(root: Root, name: string): Group | undefined {
  return root.groups.find(group => answersTo(group, name))
}

export function findCommand(entries: readonly CommandEntry[], name: string): CommandEntry | undefined {
  return entries.find(entry => answersTo(entry, name))
}

/** Every way to call a command, the group's first: `berth container ls, berth container list, berth ps`. */
export function aliasesOf(root: Root, program: string, entry: CommandEntry): string[] {
  const paths: string[] = []
  for (const group of root.groups) {
    for (const same of group.commands) {
      if (same.load !== entry.load) continue
      for (const name of [same.name, ...(same.aliases ?? [])]) paths.push(`${program} ${group.name} ${name}`)
    }
  }
  for (const same of root.commands) if (same.load === entry.load) paths.push(`${program} ${same.name}`)
  return paths
}

/** Runs `argv` (without global flags). @returns the exit code */
export async function dispatch(root: Root, context: Context, argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined) return help(root, context, [], context.stderr)
  if (first === 'help') return help(root, context, rest)
  const group = findGroup(root, first)
  if (!group) {
    const entry = findCommand(root.commands, first)
    if (!entry) return unknown(context, context.program, first, rootNames(root))
    return runCommand(root, context, { path: `${context.program} ${entry.name}`, entry }, rest)
  }
  return runGroup(root, context, `${context.program} ${group.name}`, [group], rest)
}

/** @param groups the outermost first */
async function runGroup(
  root: Root,
  context: Context,
  path: string,
  groups: readonly [Group, ...Group[]],
  rest: readonly string[],
): Promise<number> {
  const group = groups.at(-1)!
  let options
  try {
    options = parseFlags(group.flags ?? {}, rest, { interspersed: false })
  } catch (error) {
    return wrongUsage(context, path, 'COMMAND', error)
  }
  const names = groups.map(({ name }) => name)
  const [name, ...args] = options.args
  if (name === undefined && !options.help) {
    const { groupHelp } = await import('./help.ts')
    context.stderr.write(groupHelp(path, group, context.columns ?? 80))
    return 0
  }
  if (name === undefined || options.help) return help(root, context, names)
  if (name === 'help') return help(root, context, [...names, ...args])
  const inner = group.groups?.find(item => answersTo(item, name))
  if (inner) return runGroup(root, context, `${path} ${inner.name}`, [...groups, inner], args)
  const entry = findCommand(group.commands, name)
  if (!entry) return unknown(context, path, name, namesOf([...group.commands, ...(group.groups ?? [])]))
  return runCommand(root, context, { path: `${path} ${entry.name}`, entry, group }, args, options)
}

async function runCommand(
  root: Root,
  context: Context,
  found: Found,
  argv: readonly string[],
  group: { flags: Record<string, unknown>; changed: ReadonlySet<string> } = { flags: {}, changed: new Set() },
): Promise<number> {
  const { path, entry } = found
  const { command } = await entry.load()
  let parsed
  try {
    parsed = parseFlags(command.flags, argv, { interspersed: command.interspersed ?? true })
    if (parsed.help) return await showCommandHelp(root, context, found, command)
    for (const warning of parsed.warnings) context.warn(warning)
    checkArgumentCount(path, command.args, parsed.args.length)
  } catch (error) {
    return wrongUsage(context, path, command.usage, error)
  }
  try {
    const { args, changed } = parsed
    const flags = parsed.flags as FlagValues<FlagTable>
    return (await command.run(context, { args, flags, changed, group, path })) ?? 0
  } catch (error) {
    return failed(context, path, command, error)
  }
}

function failed(context: Context, path: string, command: Command, error: unknown): number {
  if (error instanceof UsageError) return wrongUsage(context, path, command.usage, error)
  if (context.globals.debug && error instanceof Error) context.warn(error.stack ?? '')
  const code = (error instanceof CliError ? error.exitCode : undefined) ?? command.failure ?? 1
  const text = errorText(error)
  // Docker names itself and the help where a `run` is refused.
  if (command.failure !== undefined && code !== 1 && text !== '') {
    context.warn(`${context.program}: ${text}\n\nRun '${path} --help' for more information`)
  } else if (text !== '') context.warn(text)
  return code
}

function wrongUsage(context: Context, path: string, usage: string, error: unknown): number {
  if (!(error instanceof UsageError)) throw error
  const code = error.exitCode ?? 1
  const prefix = code === 1 ? `${context.program}: ` : ''
  context.warn(`${prefix}${error.message}\n\nUsage:  ${path} ${usage}`.trimEnd())
  context.warn(`\nRun '${path} --help' for more information`)
  return code
}

async function unknown(context: Context, path: string, name: string, names: string[]): Promise<number> {
  const { suggest } = await import('./suggest.ts')
  const near = suggest(name, names)
  const hint = near.length > 0 ? `\n\nDid you mean this?\n${near.map(item => `  ${path} ${item}`).join('\n')}` : ''
  context.warn(
    `${context.program}: unknown command: ${path} ${name}${hint}\n\nRun '${path} --help' for more information`,
  )
  return 1
}

const namesOf = (items: readonly (CommandEntry | Group)[]) =>
  items.flatMap(item => ('hidden' in item && item.hidden ? [] : [item.name, ...(item.aliases ?? [])]))

const rootNames = (root: Root) => [...namesOf(root.commands), ...namesOf(root.groups)]

async function help(root: Root, context: Context, words: string[], to = context.stdout): Promise<number> {
  const { groupHelp } = await import('./help.ts')
  if (words.length === 0) {
    const { rootHelp } = await import('./root-help.ts')
    to.write(rootHelp(root, context.program, context.columns ?? 80))
    return 0
  }
  let path = context.program
  let group: Group | undefined
  for (const [i, word] of words.entries()) {
    const inner = (group ? group.groups : root.groups)?.find(item => answersTo(item, word))
    if (inner) {
      path = `${path} ${inner.name}`
      group = inner
      continue
    }
    const entry = findCommand(group ? group.commands : root.commands, word)
    if (!entry || i < words.length - 1) {
      context.warn(`unknown help topic: ${words.join(' ')}`)
      return 1
    }
    const { command } = await entry.load()
    return showCommandHelp(root, context, { path: `${path} ${entry.name}`, entry, group }, command)
  }
  context.stdout.write(groupHelp(path, group!, context.columns ?? 80))
  return 0
}

async function showCommandHelp(root: Root, context: Context, found: Found, command: Command): Promise<number> {
  const { commandHelp } = await import('./help.ts')
  const aliases = aliasesOf(root, context.program, found.entry)
  context.stdout.write(commandHelp(found.path, found.entry.summary, aliases, command, context.columns ?? 80))
  return 0
}
