export type * from './service.ts'
export { Backups } from './backups.ts'
