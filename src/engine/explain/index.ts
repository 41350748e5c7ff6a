export * from './capture/index.ts'
export * from './doctor/index.ts'
export { Explainer } from './explainer.ts'
export type * from './service.ts'
