import type { ContainersService } from '#engine/containers/index.ts'
import type { VolumesService } from '#engine/volumes/index.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { BackupVolume } from '#model/backup.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { EngineEvent } from '#model/event.ts'
import type { Archives } from '#ports/archives.ts'
import type { Store } from '#ports/store.ts'
import type { TargetEnvironment, Targets } from '#ports/targets.ts'

/** What the composition root hands over. */
export interface BackupsOptions {
  store: Store
  containers: Pick<
    ContainersService,
    'get' | 'pause' | 'unpause' | 'execCreate' | 'execStart' | 'execGet' | 'execSignal'
  >
  volumes: VolumesService
  archives: Archives
  targets: Targets
  /** What places know of the daemon's environment. */
  environment: TargetEnvironment
  /** Of the host. */
  readFile: (path: string) => Promise<string>
  clock: Clock
  log: Logger
  publish: (event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>) => void
  randomHex: (digits: number) => string
  /** Ids of the containers that refer to a volume. */
  usersOf: (volume: string) => string[]
}

/** What the verbs share. */
export type Context = Omit<BackupsOptions, 'store' | 'targets' | 'environment' | 'readFile'>

/** An event of a volume: `backup`, `backup_failed`, `restore`. */
export function announce(ctx: Context, action: string, volume: string, attributes: Record<string, string>): void {
  ctx.publish({ Type: 'volume', Action: action, Actor: { ID: volume, Attributes: attributes } })
}

/** Containers that refer to one of the volumes, each once, by name. */
export function usersOfVolumes(ctx: Context, volumes: readonly string[]): ContainerRecord[] {
  const ids = new Set(volumes.flatMap(volume => ctx.usersOf(volume)))
  return Array.from(ids, id => ctx.containers.get(id)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

const PORTABLE = new Set(['size', 'compress'])

/** Options of a volume that make sense on any host. Others stay out of archives: there are passwords among them. */
export function portableOptions({ driver, options }: Pick<BackupVolume, 'driver' | 'options'>): Record<string, string> {
  return driver === 'local' ? Object.fromEntries(Object.entries(options).filter(([key]) => PORTABLE.has(key))) : {}
}
