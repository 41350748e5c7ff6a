import { entry, type Group } from '../../core/command.ts'

export const scheduleGroup: Group = {
  name: 'schedule',
  summary: 'Manage backups that the daemon makes by itself',
  commands: [
    entry('create', 'Back up volumes again and again', () => import('./create.ts')),
    entry('inspect', 'Display detailed information on one or more schedules', () => import('./inspect.ts')),
    entry('ls', 'List schedules', () => import('./ls.ts'), { aliases: ['list'] }),
    entry('pause', 'Make no more backups until resumed', () => import('./pause.ts')),
    entry('resume', 'Make backups again', () => import('./resume.ts')),
    entry('rm', 'Remove one or more schedules; their backups stay', () => import('./rm.ts'), { aliases: ['remove'] }),
    entry('run', 'Make a backup now', () => import('./run.ts')),
  ],
}
