export { HostBootstrap } from './bootstrap.ts'
