import { entry, type Group } from '../core/command.ts'

export const builderGroup: Group = {
  name: 'builder',
  summary: 'Manage builds',
  commands: [entry('prune', 'Remove build cache', () => import('./prune.ts'))],
}
