import type { Root } from './dispatch.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { listCommands, optionsHelp } from './help.ts'

export function rootHelp(root: Root, program: string, width: number): string {
  const common = root.common.flatMap(name => root.commands.filter(entry => entry.name === name))
  const rest = root.commands.filter(entry => !root.common.includes(entry.name))
  const column = Math.max(...[...root.commands, ...root.groups].map(item => item.name.length)) + 3
  const inOrder = common.map(entry => `  ${entry.name.padEnd(column)}${entry.summary}`).join('\n')
  return `Usage:  ${program} [OPTIONS] COMMAND

Containers for Linux, with Docker's commands and Docker's API

Common Commands:
${inOrder}

Management Commands:
${listCommands(root.groups, column)}

Commands:
${listCommands(rest, column)}

Global Options:
${optionsHelp(GLOBAL_FLAGS, width)}

Run '${program} COMMAND --help' for more information on a command.
`
}
