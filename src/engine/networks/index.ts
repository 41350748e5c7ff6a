export type * from './service.ts'
export { filterAt, parseRuleset } from './filter-path/index.ts'
export type { FilterVerdict, HookName, Packet, Ruleset } from './filter-path/index.ts'
export { Networks } from './networks.ts'
