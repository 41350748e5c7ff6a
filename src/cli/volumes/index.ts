import { entry, type Group } from '../core/command.ts'
import { scheduleGroup } from './schedule/index.ts'

export const volumeGroup: Group = {
  name: 'volume',
  summary: 'Manage volumes',
  commands: [
    entry('backup', 'Back up one or more volumes', () => import('./backup.ts')),
    entry('clone', 'Make a volume with what another one has', () => import('./clone.ts')),
    entry('create', 'Create a volume', () => import('./create.ts')),
    entry('inspect', 'Display detailed information on one or more volumes', () => import('./inspect.ts')),
    entry('keygen', 'Make a key for encrypted backups', () => import('./keygen.ts')),
    entry('ls', 'List volumes', () => import('./ls.ts'), { aliases: ['list'] }),
    entry('migrate', 'Move volumes to another host', () => import('./migrate.ts')),
    entry('prune', 'Remove unused local volumes', () => import('./prune.ts')),
    entry('rename', 'Give a volume another name', () => import('./rename.ts')),
    entry('restore', 'Restore volumes from a backup', () => import('./restore.ts')),
    entry('restore-deleted', 'Bring a removed volume back', () => import('./restore-deleted.ts')),
    entry('rm', 'Remove one or more volumes', () => import('./rm.ts'), { aliases: ['remove'] }),
    entry('sync', 'Make a volume and a prefix of an S3 bucket the same', () => import('./sync.ts')),
    entry('update', 'Change labels or size of a volume', () => import('./update.ts')),
    entry('verify', 'Check a backup', () => import('./verify.ts')),
  ],
  groups: [
    scheduleGroup,
    {
      name: 'trash',
      summary: 'Manage removed volumes that are kept',
      commands: [
        entry('empty', 'Delete removed volumes for good', () => import('./trash/empty.ts')),
        entry('ls', 'List removed volumes', () => import('./trash/ls.ts'), { aliases: ['list'] }),
      ],
    },
  ],
}
