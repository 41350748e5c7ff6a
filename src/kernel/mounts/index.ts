export { PinRoot } from './pin-root.ts'
export { HostMounts } from './host-mounts.ts'
