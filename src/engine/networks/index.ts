export type * from './service.ts'
export type { NetworksOptions } from './context.ts'
export { Networks } from './networks.ts'
