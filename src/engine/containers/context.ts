import type { Clock } from '#lib/clock.ts'
import { KeyedLock } from '#lib/keyed-lock.ts'
import type { Logger } from '#lib/log.ts'
import { Rollback } from '#lib/rollback.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { ExecRecord } from '#model/exec.ts'
import type { Cgroups } from '#ports/cgroups.ts'
import type { Files, RootedFiles } from '#ports/files.ts'
import type { Host } from '#ports/host.ts'
import type { Logs } from '#ports/logs.ts'
import type { Mounts } from '#ports/mounts.ts'
import type { Processes } from '#ports/processes.ts'
import type { ExitReport, Runtime } from '#ports/runtime.ts'
import type { Store } from '#ports/store.ts'
import type { ImagesService } from '#engine/images/index.ts'
import type { NetworksService } from '#engine/networks/index.ts'
import type { VolumesService } from '#engine/volumes/index.ts'
import { Live } from './live.ts'
import { Records } from './records.ts'
import type { EventsService } from './service.ts'

/** What the composition root hands over. */
export interface ContainersOptions {
  runtime: Runtime
  cgroups: Cgroups
  processes: Processes
  files: Files
  rooted: RootedFiles
  mounts: Mounts
  logs: Logs
  host: Host
  store: Store
  images: ImagesService
  volumes: VolumesService
  networks: NetworksService
  events: EventsService
  clock: Clock
  log: Logger
  /** `<data-root>`; container directories are `<data-root>/containers/<id>`. */
  dataRoot: string
  /** Directory for mounts that a container needs while it is created; kept apart from the runtime's other mounts. */
  pinRoot: string
  /** `/berth` unless configured. */
  cgroupParent?: string
  /** A tini or catatonit on the host, for `--init`. */
  initPath?: string
  /** Random hex digits, for ids. */
  randomHex: (digits: number) => string
  /** In [0, 1), for names. */
  random?: () => number
}

/** Everything that the verbs share. */
export interface Context extends Required<Omit<ContainersOptions, 'store' | 'initPath'>> {
  initPath: string | undefined
  records: Records
  locks: KeyedLock
  live: Live
  execs: Map<string, ExecRecord>
  /** Who waits for the end of an exec, by its id. */
  execWaiters: Map<string, (report: ExitReport) => void>
  /** Work that nobody waits for; shutdown does. */
  background: Set<Promise<unknown>>
}

export function makeContext(options: ContainersOptions): Context {
  const { store, ...rest } = options
  return {
    cgroupParent: '/berth',
    random: Math.random,
    ...rest,
    initPath: options.initPath,
    records: new Records(store),
    locks: new KeyedLock(),
    live: new Live(),
    execs: new Map(),
    execWaiters: new Map(),
    background: new Set(),
  }
}

export function directoryOf(ctx: Context, id: string): string {
  return `${ctx.dataRoot}/containers/${id}`
}

export function rollbackFor(ctx: Context, what: string): Rollback {
  return new Rollback((step, error) => ctx.log.warn('undo step failed', { what, step, error }))
}

/** Runs `work` without anyone waiting; its error is logged. */
export function inBackground(ctx: Context, what: string, work: () => Promise<unknown>): void {
  const promise = work()
    .catch((error: unknown) => ctx.log.warn('background work failed', { what, error }))
    .finally(() => ctx.background.delete(promise))
  ctx.background.add(promise)
}

/** Publishes an event of a container with the attributes that Docker gives it. */
export function publish(
  ctx: Context,
  record: ContainerRecord,
  action: string,
  attributes: Record<string, string> = {},
): void {
  ctx.events.publish({
    Type: 'container',
    Action: action,
    Actor: {
      ID: record.id,
      Attributes: { ...record.config.Labels, image: record.config.Image, name: record.name, ...attributes },
    },
  })
}
