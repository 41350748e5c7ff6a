export type * from './service.ts'
export { Volumes } from './volumes.ts'
