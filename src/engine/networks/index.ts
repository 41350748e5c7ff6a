export type * from './service.ts'
export { Networks } from './networks.ts'
