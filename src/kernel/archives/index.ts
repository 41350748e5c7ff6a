export { HostArchives } from './host-archives.ts'
