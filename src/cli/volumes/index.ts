import { entry, type Group } from '../core/command.ts'

export const volumeGroup: Group = {
  name: 'volume',
  summary: 'Manage volumes',
  commands: [
    entry('backup', 'Back up one or more volumes', () => import('./backup.ts')),
    entry('create', 'Create a volume', () => import('./create.ts')),
    entry('inspect', 'Display detailed information on one or more volumes', () => import('./inspect.ts')),
    entry('ls', 'List volumes', () => import('./ls.ts'), { aliases: ['list'] }),
    entry('prune', 'Remove unused local volumes', () => import('./prune.ts')),
    entry('restore', 'Restore volumes from a backup', () => import('./restore.ts')),
    entry('rm', 'Remove one or more volumes', () => import('./rm.ts'), { aliases: ['remove'] }),
    entry('verify', 'Check a backup', () => import('./verify.ts')),
  ],
}
