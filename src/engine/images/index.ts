export type * from './service.ts'
export { applyChanges } from './changes.ts'
export { Images } from './images.ts'
