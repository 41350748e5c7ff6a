export { HostFiles } from './host-files.ts'
export { GuardedRootedFiles } from './guarded-rooted.ts'
export { Reach } from './reach.ts'
export { HostRootedFiles } from './rooted-files.ts'
