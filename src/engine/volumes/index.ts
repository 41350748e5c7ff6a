export type * from './service.ts'
export type { VolumesOptions } from './context.ts'
export { Volumes } from './volumes.ts'
