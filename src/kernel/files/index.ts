export { HostFiles } from './host-files.ts'
export { HostRootedFiles } from './rooted-files.ts'
