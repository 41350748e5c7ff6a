export type * from './service.ts'
export type { ImagesOptions } from './context.ts'
export { applyChanges } from './changes.ts'
export { Images } from './images.ts'
