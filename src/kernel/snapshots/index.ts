export { HostSnapshots } from './host-snapshots.ts'
