export { HostSnapshots } from './host-snapshots.ts'
export type { SnapshotsOptions } from './host-snapshots.ts'
