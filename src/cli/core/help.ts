import type { Command, CommandEntry, FlagSpec, FlagTable, Group } from './command.ts'

const MAX_WIDTH = 100

/** The name of a flag's value in help texts, as Docker writes it. */
export function valueName(spec: FlagSpec): string {
  if (spec.value) return spec.value
  return spec.type === 'bool' ? '' : spec.type === 'cpus' ? 'decimal' : spec.type
}

/** ` (default …)` where there is something to say. */
export function defaultText(spec: FlagSpec): string {
  const value = spec.default
  if (value === undefined || value === '' || value === false) return ''
  if (spec.type === 'duration') return ` (default ${Number(value) / 1e9}s)`
  return ` (default ${typeof value === 'string' ? JSON.stringify(value) : String(value)})`
}

export function visibleFlags(table: FlagTable): [string, FlagSpec][] {
  return Object.entries(table)
    .filter(([, spec]) => !spec.hidden && !spec.deprecated)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The `Options:` block of a table; '' without flags. */
export function optionsHelp(table: FlagTable, width: number): string {
  const flags = visibleFlags(table)
  if (flags.length === 0) return ''
  const heads = flags.map(([name, spec]) => {
    const value = valueName(spec)
    return `  ${spec.short ? `-${spec.short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`
  })
  const column = Math.max(...heads.map(head => head.length)) + 3
  const lines = flags.map(([, spec], i) => {
    const text = wrap(spec.help + defaultText(spec), Math.max(24, Math.min(width, MAX_WIDTH) - column))
    return heads[i]!.padEnd(column) + text.join(`\n${' '.repeat(column)}`)
  })
  return lines.join('\n')
}

export function commandHelp(path: string, summary: string, aliases: string[], command: Command, width: number): string {
  const parts = [`Usage:  ${path} ${command.usage}`.trimEnd(), command.description ?? summary]
  if (aliases.length > 1) parts.push(`Aliases:\n  ${aliases.join(', ')}`)
  const options = optionsHelp(command.flags, width)
  if (options) parts.push(`Options:\n${options}`)
  return `${parts.join('\n\n')}\n`
}

export function groupHelp(path: string, group: Group, width: number): string {
  const parts = [`Usage:  ${path} ${group.flags ? '[OPTIONS] ' : ''}COMMAND`, group.summary]
  const options = optionsHelp(group.flags ?? {}, width)
  if (options) parts.push(`Options:\n${options}`)
  parts.push(`Commands:\n${listCommands([...group.commands, ...(group.groups ?? [])])}`)
  parts.push(`Run '${path} COMMAND --help' for more information on a command.`)
  return `${parts.join('\n\n')}\n`
}

export function listCommands(entries: readonly (CommandEntry | Group)[], column?: number): string {
  const shown = entries.filter(entry => !('hidden' in entry && entry.hidden)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const width = column ?? Math.max(...shown.map(entry => entry.name.length)) + 3
  return shown.map(entry => `  ${entry.name.padEnd(width)}${entry.summary}`).join('\n')
}

/** Breaks at spaces; lines of their own stay. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line.trimEnd())
        line = word
      } else line = line === '' ? word || ' ' : `${line} ${word}`
    }
    lines.push(line.trimEnd())
  }
  return lines
}
