/** The Engine API's documents as types. */
export type * from './config.ts'
export type * from './containers.ts'
export type * from './exec.ts'
export type * from './images.ts'
export type * from './networks.ts'
export type * from './stats.ts'
export type * from './system.ts'
export type * from './volumes.ts'
