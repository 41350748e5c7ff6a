export { Accounts } from './accounts.ts'
export type * from './service.ts'
export { Space } from './space.ts'
