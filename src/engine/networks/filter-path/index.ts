export { filterAt } from './evaluate.ts'
export { parseRuleset } from './ruleset.ts'
export type { Ruleset } from './ruleset.ts'
export type { FilterVerdict, HookName, Packet } from './packet.ts'
