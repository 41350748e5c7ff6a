export type * from './service.ts'
export { Backups } from './backups.ts'
export { Syncing } from './sync/sync.ts'
