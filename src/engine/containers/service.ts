import type { ContainerChange, ContainerConfig, EndpointRequest, HostConfig } from '#model/config.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { EngineEvent } from '#model/event.ts'
import type { ExecRecord } from '#model/exec.ts'
import type { Filters } from '#model/filters.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { CgroupStats } from '#ports/cgroups.ts'
import type { ChangedPath, FileStat } from '#ports/files.ts'
import type { LinkStats } from '#ports/links.ts'
import type { LogLine } from '#ports/logs.ts'
import type { Attachment } from '#ports/runtime.ts'
import type { Readable } from 'node:stream'

export interface CreateContainer {
  /** '' asks for a random name. */
  name: string
  platform?: Platform
  config: ContainerConfig
  hostConfig: HostConfig
  endpoints: Record<string, EndpointRequest>
}

export interface ContainerView {
  record: ContainerRecord
  /** Bytes; undefined unless asked. */
  sizeRw?: number
  sizeRootFs?: number
}

export interface StatsSample {
  read: bigint
  previousRead: bigint
  cgroup: CgroupStats
  previous: CgroupStats | undefined
  /** Nanoseconds of CPU of the whole host, all CPUs. */
  systemCpu: number
  previousSystemCpu: number
  onlineCpus: number
  networks: Record<string, LinkStats>
}

export interface ExecRequest {
  command: string[]
  env: string[]
  user: string
  workingDir: string
  privileged: boolean
  tty: boolean
  attachStdin: boolean
  attachStdout: boolean
  attachStderr: boolean
  detachKeys: string
  consoleSize: [number, number] | null
}

export interface LogRequest {
  stdout: boolean
  stderr: boolean
  follow: boolean
  since: bigint
  until: bigint
  tail?: number
  signal: AbortSignal
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** `reference` is an id, a name (with or without slash) or a unique id prefix; unknown is not-found `no such container: x`. */
export interface ContainersService {
  create(request: CreateContainer): Promise<{ id: string; warnings: string[] }>
  get(reference: string): ContainerRecord
  view(reference: string, options: { size: boolean }): Promise<ContainerView>
  list(filters: Filters, options: { all: boolean; limit: number; size: boolean }): Promise<ContainerView[]>

  start(reference: string): Promise<void>
  /** @param timeout seconds; undefined uses the container's own, -1 waits for ever */
  stop(reference: string, options: { timeout?: number; signal?: string }): Promise<void>
  kill(reference: string, signal: string): Promise<void>
  restart(reference: string, options: { timeout?: number; signal?: string }): Promise<void>
  pause(reference: string): Promise<void>
  unpause(reference: string): Promise<void>
  rename(reference: string, name: string): Promise<void>
  update(reference: string, change: ContainerChange): Promise<{ warnings: string[] }>
  remove(reference: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>
  /** What `prune` would remove now. */
  planPrune(filters: Filters): ContainerRecord[]
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }>
  /**
   * Subscribes at once (before it returns), so that no exit is missed between the call and the wait.
   * `error` is the start error, if any.
   */
  wait(
    reference: string,
    condition: WaitCondition,
    signal: AbortSignal,
  ): Promise<{ result: Promise<{ exitCode: number; error?: string }> }>

  /**
   * Subscribes to output before the container starts, so that nothing is missed. With `stdin: false` the client only
   * listens: its going away leaves the stdin of a `stdinOnce` container open.
   */
  attach(reference: string, options: { signal: AbortSignal; stdin?: boolean }): Promise<Attachment>
  logs(reference: string, request: LogRequest): Promise<AsyncIterable<LogLine>>
  resize(reference: string, height: number, width: number): Promise<void>

  execCreate(reference: string, request: ExecRequest): Promise<string>
  /** @throws not-found `no such exec instance: x` */
  execGet(execId: string): ExecRecord
  /** Starts it; the attachment is undefined when detached. */
  execStart(
    execId: string,
    options: { detach: boolean; tty?: boolean; consoleSize?: [number, number] | null },
  ): Promise<Attachment | undefined>
  execResize(execId: string, height: number, width: number): Promise<void>
  /** To its process alone. @throws not-found when it has ended */
  execSignal(execId: string, signal: number): Promise<void>
  /** Ids of the execs of a container that run. */
  execIds(containerId: string): string[]

  top(reference: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }>
  /** One sample now, or a stream of one a second until the signal. The first of a stream has no `previous`. */
  stats(
    reference: string,
    options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
  ): AsyncIterable<StatsSample>
  changes(reference: string): Promise<ChangedPath[]>
  export(reference: string): Promise<Readable>
  commit(
    reference: string,
    options: {
      repository: string
      tag: string
      comment: string
      author: string
      changes: string[]
      pause: boolean
      config?: Partial<ContainerConfig>
    },
  ): Promise<ImageRecord>
  archiveStat(reference: string, path: string): Promise<FileStat>
  archiveGet(reference: string, path: string): Promise<{ stat: FileStat; tar: Readable }>
  archivePut(
    reference: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void>

  connect(networkReference: string, reference: string, request: EndpointRequest): Promise<void>
  disconnect(networkReference: string, reference: string, force: boolean): Promise<void>
}

/** `GET /events`: those kept since `since`, then live ones until `until` or the signal. */
export interface EventsService {
  publish(event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>): void
  stream(filters: Filters, options: { since?: bigint; until?: bigint; signal: AbortSignal }): AsyncIterable<EngineEvent>
}
