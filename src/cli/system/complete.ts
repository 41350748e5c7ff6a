import { defineCommand, type Command, type Completion, type FlagTable } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { findCommand, findGroup, type Root } from '../core/dispatch.ts'
import { GLOBAL_FLAGS } from '../core/global-flags.ts'

/** A candidate and what it is. */
export type Candidate = [value: string, about: string]

export const command = defineCommand({
  usage: '-- WORD...',
  args: [0, Infinity],
  interspersed: false,
  flags: {},
  async run(context, { args }) {
    const { root } = await import('../root.ts')
    for (const [value, about] of await candidates(root, args, names(context))) {
      context.print(about === '' ? value : `${value}\t${about}`)
    }
  },
})

/** Names of the objects of a kind, best effort: a shell must not hang or show errors. */
export type Names = (kind: Completion) => Promise<Candidate[]>

/** What may stand for the last word. `:files` asks the shell for files. */
export async function candidates(root: Root, words: readonly string[], lookup: Names): Promise<Candidate[]> {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  let at = skipFlags(GLOBAL_FLAGS, before, 0)
  const first = before[at]
  const matching = (list: Candidate[]) => list.filter(([value]) => value === ':files' || value.startsWith(typed))
  if (first === undefined) {
    if (typed.startsWith('-')) return matching(flagCandidates(GLOBAL_FLAGS))
    const all = [...root.commands.filter(entry => !entry.hidden), ...root.groups]
    return matching(all.map(({ name, summary }): Candidate => [name, summary]).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  let entry = findCommand(root.commands, first)
  let group = findGroup(root, first)
  at++
  while (group) {
    at = skipFlags(group.flags ?? {}, before, at)
    const name: string | undefined = before[at]
    if (name === undefined) {
      if (typed.startsWith('-')) return matching(flagCandidates(group.flags ?? {}))
      const all = [...group.commands, ...(group.groups ?? [])]
      return matching(all.map(({ name, summary }): Candidate => [name, summary]))
    }
    entry = findCommand(group.commands, name)
    group = group.groups?.find(inner => inner.name === name)
    at++
  }
  if (!entry) return []
  const { command } = await entry.load()
  return completeCommand(command, before.slice(at), typed, lookup)
}

async function completeCommand(
  command: Command,
  before: readonly string[],
  typed: string,
  lookup: Names,
): Promise<Candidate[]> {
  const resolve = async (kind: Completion | undefined, prefix: string, head = ''): Promise<Candidate[]> => {
    if (kind === undefined) return []
    if (kind === 'file') return [[':files', '']]
    const list: Candidate[] = typeof kind === 'string' ? await lookup(kind) : kind.map(value => [value, ''])
    return list.filter(([value]) => value.startsWith(prefix)).map(([value, about]) => [head + value, about])
  }
  const last = before.at(-1)
  const waiting = last === undefined ? undefined : flagOf(command.flags, last)
  if (waiting && waiting.type !== 'bool' && !last!.includes('=')) return resolve(waiting.complete, typed)
  const args = positional(command, before)
  if (typed.startsWith('-') && (command.interspersed !== false || args === 0)) {
    const equals = typed.indexOf('=')
    if (equals > 0) {
      const spec = flagOf(command.flags, typed.slice(0, equals))
      return resolve(spec?.complete, typed.slice(equals + 1), typed.slice(0, equals + 1))
    }
    return flagCandidates(command.flags).filter(([value]) => value.startsWith(typed))
  }
  // After the container of `exec` come the container's own words.
  if (command.interspersed === false && args > 0) return []
  return args < command.args[1] ? resolve(command.complete, typed) : []
}

function flagCandidates(table: FlagTable): Candidate[] {
  return Object.entries(table)
    .filter(([, spec]) => !spec.hidden && !spec.deprecated)
    .map(([name, spec]): Candidate => [`--${name}`, spec.help.split('\n')[0]!])
    .concat([['--help', 'Print usage']])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function flagOf(table: FlagTable, word: string) {
  if (word.startsWith('--')) return table[word.slice(2).split('=')[0]!]
  if (!/^-\w+$/.test(word)) return undefined
  const letter = word.at(-1)!
  return Object.values(table).find(spec => spec.short === letter)
}

/** Index of the first word that is no flag of `table`. */
function skipFlags(table: FlagTable, words: readonly string[], from: number): number {
  let at = from
  for (; at < words.length && words[at]!.startsWith('-'); at++) {
    const spec = flagOf(table, words[at]!)
    if (spec && spec.type !== 'bool' && !words[at]!.includes('=')) at++
  }
  return at
}

function positional(command: Command, words: readonly string[]): number {
  let count = 0
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (!word.startsWith('-')) count++
    else {
      const spec = flagOf(command.flags, word)
      if (spec && spec.type !== 'bool' && !word.includes('=')) at++
    }
  }
  return count
}

function names(context: Context): Names {
  const { client } = context
  const containers = async (keep: (state: string) => boolean): Promise<Candidate[]> =>
    (await client.containers.list({ all: true }))
      .filter(container => keep(container.State))
      .map(container => [container.Names[0]!.replace(/^\//, ''), `${container.Image} ${container.Status}`])
  return async kind => {
    try {
      switch (kind) {
        case 'container':
          return await containers(() => true)
        case 'running-container':
          return await containers(state => state === 'running' || state === 'paused')
        case 'stopped-container':
          return await containers(state => state !== 'running')
        case 'image':
          return (await client.images.list()).flatMap(image =>
            (image.RepoTags ?? []).map((tag): Candidate => [tag, '']),
          )
        case 'network':
          return (await client.networks.list()).map(network => [network.Name, network.Driver])
        case 'volume':
          return ((await client.volumes.list()).Volumes ?? []).map(volume => [volume.Name, volume.Driver])
        default:
          return kind === 'context' ? [['default', '']] : []
      }
    } catch {
      return []
    }
  }
}
