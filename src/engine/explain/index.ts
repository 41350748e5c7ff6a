export { Explainer } from './explainer.ts'
export type * from './service.ts'
