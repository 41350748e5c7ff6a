import { entry, type Group } from '../core/command.ts'

export const systemGroup: Group = {
  name: 'system',
  summary: 'Manage Berth',
  commands: [
    entry('df', 'Show disk usage', () => import('./df.ts')),
    entry('dial-stdio', 'Connect standard input and output with the daemon', () => import('./dial-stdio.ts'), {
      hidden: true,
    }),
    entry('events', 'Get real time events from the server', () => import('./events.ts')),
    entry('info', 'Display system-wide information', () => import('./info.ts')),
    entry('prune', 'Remove unused data', () => import('./prune.ts')),
  ],
}

export const contextGroup: Group = {
  name: 'context',
  summary: 'Manage contexts',
  commands: [
    entry('ls', 'List contexts', () => import('./context-ls.ts'), { aliases: ['list'] }),
    entry('show', 'Print the name of the current context', () => import('./context-show.ts')),
  ],
}
