export { HttpRegistry } from './registry.ts'
