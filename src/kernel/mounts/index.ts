export { HostMounts } from './host-mounts.ts'
