export type * from './service.ts'
export { Containers } from './containers.ts'
export { Events } from './events.ts'
