/** Writes docs/reference.md from the command tables; `--check` only tells (by exit code 1) whether it differs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { format } from 'prettier'
import type { CommandEntry, FlagTable, Group } from '#cli/core/command.ts'
import { aliasesOf } from '#cli/core/dispatch.ts'
import { GLOBAL_FLAGS } from '#cli/core/global-flags.ts'
import { defaultText, valueName, visibleFlags } from '#cli/core/help.ts'
import { root } from '#cli/root.ts'

const PROGRAM = 'berth'
const directory = new URL('../docs/', import.meta.url)
const path = new URL('reference.md', directory)

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', '<br>')

function flagRows(table: FlagTable): string {
  const flags = visibleFlags(table)
  if (flags.length === 0) return ''
  const rows = flags.map(([name, spec]) => {
    const value = valueName(spec)
    const shown = `${spec.short ? `-${spec.short}, ` : ''}--${name}`
    return `| \`${shown}\` | ${value ? `\`${value}\`` : ''} | ${cell(spec.help + defaultText(spec))} |`
  })
  return `\n| Flag | Value | |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}

async function section(entry: CommandEntry, ...groups: Group[]): Promise<string> {
  const { command } = await entry.load()
  const name = [PROGRAM, ...groups.map(group => group.name), entry.name].join(' ')
  const aliases = aliasesOf(root, PROGRAM, entry).filter(alias => alias !== name)
  const about = (command.description ?? entry.summary).split('\n\n')
  const usage = `${name} ${command.usage}`.trim()
  return [
    `### ${name}\n`,
    about
      .map(text => (text.startsWith('  ') ? `\`\`\`sh\n${text.replaceAll(/^ {2}/gm, '')}\n\`\`\`` : text))
      .join('\n\n'),
    `\n\`\`\`text\n${usage}\n\`\`\`\n`,
    aliases.length > 0 ? `Also: ${aliases.map(alias => `\`${alias}\``).join(', ')}\n` : '',
    flagRows(command.flags),
  ].join('\n')
}

async function reference(): Promise<string> {
  const parts = [
    '# Command reference\n',
    'Written by `npm run docs` from the command tables in `src/cli`; do not edit.\n',
    `\`\`\`text\n${PROGRAM} [OPTIONS] COMMAND\n\`\`\`\n`,
    flagRows(GLOBAL_FLAGS),
  ]
  const grouped = new Set(root.groups.flatMap(group => group.commands.map(entry => entry.load)))
  for (const group of root.groups.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    parts.push(`## ${PROGRAM} ${group.name}\n\n${group.summary}\n`, flagRows(group.flags ?? {}))
    for (const entry of group.commands.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!entry.hidden) parts.push(await section(entry, group))
    }
    for (const inner of group.groups ?? []) {
      for (const entry of inner.commands) parts.push(await section(entry, group, inner))
    }
  }
  parts.push('## Other commands\n')
  for (const entry of root.commands.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.hidden && !grouped.has(entry.load)) parts.push(await section(entry))
  }
  return format(parts.join('\n'), { parser: 'markdown', printWidth: 120 })
}

const wanted = await reference()
if (process.argv.includes('--check')) {
  let there = ''
  try {
    there = readFileSync(path, 'utf8')
  } catch {
    // Differs, then.
  }
  if (there !== wanted) {
    process.stderr.write('docs/reference.md differs from the command tables: run `npm run docs`\n')
    process.exitCode = 1
  }
} else {
  mkdirSync(directory, { recursive: true })
  writeFileSync(path, wanted)
}
