export { HttpRegistry } from './registry.ts'
export type { HttpRegistryOptions } from './agents.ts'
