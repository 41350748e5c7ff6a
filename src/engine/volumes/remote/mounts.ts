import type { Repository, Store } from '#ports/store.ts'

/** A volume that its plugin was asked to mount for us, and not yet to unmount for good. */
export interface RemoteMount {
  /** 64 hex digits: who it is that wants the volume, to the plugin. New for every Mount. */
  id: string
  /** `mounting` and `unmounting`: asked, and the answer may not have been heard. */
  state: 'mounting' | 'mounted' | 'unmounting'
  /** Where it is; '' until the plugin has said so. */
  path: string
  /** Whether something was mounted just there, and not above it. */
  isMountPoint: boolean
  /** Of the host when it was mounted: no mount survives a restart of the host. */
  bootId: string
}

/** By volume name. Written before the plugin is asked and after it answered, so that nothing is mounted without a record. */
export const remoteMounts = (store: Store): Repository<RemoteMount> => store.repository<RemoteMount>('plugin-mounts')
