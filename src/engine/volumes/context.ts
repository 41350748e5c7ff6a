import type { Clock } from '#lib/clock.ts'
import { notFound } from '#lib/errors.ts'
import type { KeyedLock } from '#lib/keyed-lock.ts'
import type { Logger } from '#lib/log.ts'
import type { EngineEvent } from '#model/event.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Block } from '#ports/block.ts'
import type { FileServers } from '#ports/file-servers.ts'
import type { Csi } from '#ports/csi.ts'
import type { Files } from '#ports/files.ts'
import type { Mounts } from '#ports/mounts.ts'
import type { Plugins } from '#ports/plugins.ts'
import type { Repository, Store } from '#ports/store.ts'
import { gone, settled } from './accounts.ts'
import type { TreeAccounts } from './accounts.ts'
import type { VolumeChange } from './changes.ts'
import type { VolumeDriver, VolumeDrivers, VolumeExtent } from './driver.ts'
import type { Expiry, TrashEntry } from './trash/entry.ts'

/** What the composition root hands over. */
export interface VolumesOptions {
  store: Store
  files: Files
  mounts: Mounts
  clock: Clock
  log: Logger
  /** `volumes/` is made in it. */
  dataRoot: string
  publish: (event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>) => void
  /** Random hex digits, for anonymous names. */
  randomHex: (digits: number) => string
  /** Address of a host name, for `addr=` of network file systems; without it names are handed to the kernel. */
  lookup?: (host: string) => Promise<string>
  /** File systems in files, quotas; without it volumes have no limits and no compression. */
  block?: Block
  /** File servers, to look at before the kernel does. */
  servers?: FileServers
  /** Where volume drivers that are plugins are found; without it there are none. */
  plugins?: Plugins
  /** Where CSI drivers are found; without it there are none. */
  csi?: Csi
  /** Of the host: changes when it starts anew. */
  bootId?: string
  /** Kept figures of what volumes take; without them each question walks. */
  accounts?: TreeAccounts
  /** Milliseconds that mounting a volume may take. */
  mountDeadline?: number
  /** Milliseconds that a look at a file server may take. */
  validationDeadline?: number
}

/** What the verbs share. */
export interface Context extends Omit<VolumesOptions, 'store' | 'dataRoot'> {
  /** `<data-root>/volumes`. */
  root: string
  records: Repository<VolumeRecord>
  drivers: VolumeDrivers
  /** By volume name. */
  locks: KeyedLock
  /** Containers that have a volume mounted, by its name. */
  mounted: Map<string, Set<string>>
  /** See `VolumesService.hold`. */
  held: Map<string, Set<string>>
  /** Containers whose records refer to a volume. */
  referrers: (volume: string) => string[]
  /** Name of a container, for people. */
  nameOf: (container: string) => string
  changes: Repository<VolumeChange>
  /** Names of volumes that are being made out of sight. */
  reserved: Set<string>
  /** Volumes with a change that could be brought to neither end yet: nobody may use them before it is. */
  unsettled: Set<string>
  transaction: <T>(work: () => T) => T
  trash: Repository<TrashEntry>
  expiry: Expiry
  /** When the last user of a volume let go of it (RFC 3339), by its name. */
  lastUses: Repository<string>
}

/** Directory of a volume; `_data` in it is what containers see. */
export function directoryOf(ctx: Context, name: string): string {
  return `${ctx.root}/${name}`
}

export function dataOf(ctx: Context, name: string): string {
  return `${ctx.root}/${name}/_data`
}

/** @throws not-found in Docker's words */
export function find(ctx: Context, name: string): VolumeRecord {
  const volume = ctx.records.get(name)
  if (!volume) throw notFound(`get ${name}: no such volume`)
  return volume
}

/** Everybody who keeps a volume from being removed. */
export function usersOf(ctx: Context, name: string, except?: string): string[] {
  const users = new Set([...ctx.referrers(name), ...(ctx.mounted.get(name) ?? []), ...(ctx.held.get(name) ?? [])])
  if (except !== undefined) users.delete(except)
  return Array.from(users)
}

/** Who has the volume's data open, or is about to. */
export function mountedBy(ctx: Context, name: string, except?: string): string[] {
  return Array.from(ctx.mounted.get(name) ?? []).filter(user => user !== except)
}

/** `container web`, `containers web and db` */
export function namesOf(ctx: Context, users: readonly string[]): string {
  const names = users.map(ctx.nameOf).sort()
  const last = names.pop()
  return names.length === 0 ? `container ${last}` : `containers ${names.join(', ')} and ${last}`
}

export function extentOf(driver: VolumeDriver, volume: Pick<VolumeRecord, 'options'>): VolumeExtent {
  return driver.extent?.(volume) ?? 'nothing'
}

export function announce(ctx: Context, action: string, volume: VolumeRecord, extra: Record<string, string> = {}): void {
  ctx.publish({
    Type: 'volume',
    Action: action,
    Actor: { ID: volume.name, Attributes: { driver: volume.driver, ...extra } },
  })
  if (action === 'destroy') gone(ctx, volume)
  else settled(ctx, volume)
}
