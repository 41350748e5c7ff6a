import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { zstdCompressSync } from 'node:zlib'
import { ManualClock } from '#engine/containers/testing/manual-clock.ts'
import type { CreateVolume, StagedVolume, VolumesService } from '#engine/volumes/index.ts'
import { conflict, invalid, notFound } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import type { BackupHeader, BackupSummary } from '#model/backup.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Archives, Packing, PackRequest, UnpackRequest } from '#ports/archives.ts'
import type { Attachment } from '#ports/runtime.ts'
import type { Targets } from '#ports/targets.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Backups } from '../backups.ts'
import type { BackupsOptions } from '../context.ts'
import type { ExecRequest } from '#engine/containers/index.ts'

/** An exec that the test answers. */
interface FakeExec {
  container: string
  command: string
  exitCode: number | null
  output: PassThrough
  stdin: PassThrough
  say(text: string): void
  end(code: number): void
}

/** Backups over volumes that are texts, with containers that do what the test says. */
export class Harness {
  readonly clock = new ManualClock()
  readonly store: FakeStore
  readonly content: Map<string, string>
  readonly records = new Map<string, VolumeRecord>()
  readonly containers = new Map<string, ContainerRecord>()
  /** What happened, in order. */
  readonly log: string[] = []
  readonly execs: FakeExec[] = []
  /** What a command does, by its text; others say nothing and end with 0. */
  readonly commands = new Map<string, (exec: FakeExec) => void>()
  readonly snapshots = new Set<string>()
  readonly files = new Map<string, string>()
  /** Content waits for this before it is read. */
  copying: Promise<void> = Promise.resolve()
  /** Places of restores are made, and put in the volumes' place, when these are over. */
  staging: Promise<void> = Promise.resolve()
  placing: Promise<void> = Promise.resolve()
  backups: Backups
  #serial = 0
  readonly #targets: Targets | undefined

  constructor(parts: { store?: FakeStore; content?: Map<string, string>; targets?: Targets } = {}) {
    this.store = parts.store ?? new FakeStore()
    this.content = parts.content ?? new Map()
    this.#targets = parts.targets
    this.backups = this.restart()
  }

  restart(): Backups {
    this.backups = new Backups({
      store: this.store,
      containers: this.#containers(),
      volumes: this.#volumes(),
      archives: this.#archives(),
      targets: this.#targets ?? ({} as Targets),
      environment: {},
      readFile: async path => this.files.get(path) ?? '',
      clock: this.clock,
      log: silentLogger,
      publish: ({ Action, Actor }) => this.log.push(`${Action} ${Actor.ID}`),
      randomHex: digits => (++this.#serial).toString(16).padStart(digits, '0'),
      usersOf: volume =>
        Array.from(this.containers.values())
          .filter(({ mounts }) => mounts.some(({ Name }) => Name === volume))
          .map(({ id }) => id),
    })
    return this.backups
  }

  volume(name: string, content: string, labels: Record<string, string> = {}): void {
    const mountpoint = `/volumes/${name}`
    this.records.set(name, {
      name,
      driver: 'local',
      createdAt: '2026-01-01T00:00:00Z',
      labels,
      options: {},
      anonymous: false,
      mountpoint,
    })
    this.content.set(mountpoint, content)
  }

  container(name: string, volumes: string[], labels: Record<string, string> = {}, state = 'running'): void {
    this.containers.set(name, {
      id: name,
      name,
      config: { Labels: labels },
      mounts: volumes.map(volume => ({ Type: 'volume', Name: volume })),
      state: { kind: state },
    } as unknown as ContainerRecord)
  }

  stateOf(name: string): string {
    return this.containers.get(name)!.state.kind
  }

  /** Everything of a backup, or its error. */
  async read(stream: Readable): Promise<string> {
    let text = ''
    for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString()
    return text
  }

  #containers(): BackupsOptions['containers'] {
    const find = (id: string) => {
      const record = this.containers.get(id)
      if (!record) throw notFound(`no such container: ${id}`)
      return record
    }
    const turn = (id: string, from: string, to: string, verb: string) => {
      const record = find(id)
      if (record.state.kind !== from) throw conflict(`Container ${id} is ${record.state.kind}`)
      record.state = { kind: to } as ContainerRecord['state']
      this.log.push(`${verb} ${id}`)
    }
    const exec = (id: string) => this.execs[Number(id)]!
    return {
      get: find,
      pause: async id => turn(id, 'running', 'paused', 'pause'),
      unpause: async id => turn(id, 'paused', 'running', 'unpause'),
      execCreate: async (container, request: ExecRequest) => {
        if (find(container).state.kind !== 'running') throw conflict(`container ${container} is paused`)
        this.execs.push(fakeExec(container, request.command[2]!, this.log))
        return String(this.execs.length - 1)
      },
      execStart: async id => {
        const { command, output, stdin } = exec(id)
        this.log.push(`exec ${exec(id).container}: ${command}`)
        const act = this.commands.get(command) ?? (one => one.end(0))
        act(exec(id))
        const messages = (async function* () {
          for await (const data of output as AsyncIterable<Buffer>) yield { stream: 'stdout' as const, data }
        })()
        return { output: messages, stdin, close: () => void output.end() } satisfies Attachment
      },
      execGet: id => ({ exitCode: exec(id).exitCode }) as never,
      execSignal: async (id, signal) => {
        this.log.push(`signal ${signal}: ${exec(id).command}`)
        exec(id).end(137)
      },
    }
  }

  #volumes(): VolumesService {
    const find = (name: string) => {
      const record = this.records.get(name)
      if (!record) throw notFound(`get ${name}: no such volume`)
      return record
    }
    const volumes: Partial<VolumesService> = {
      get: find,
      mount: async name => {
        this.log.push(`mount ${name}`)
        return find(name).mountpoint
      },
      unmount: async name => void this.log.push(`unmount ${name}`),
      usage: async name => this.content.get(find(name).mountpoint)!.length,
      snapshot: async name => {
        if (!this.snapshots.has(name)) return undefined
        const path = `/snapshots/${name}`
        this.content.set(path, this.content.get(find(name).mountpoint)!)
        this.log.push(`snapshot ${name}`)
        const release = async () => {
          this.content.delete(path)
          this.log.push(`release ${name}`)
        }
        return { path, release }
      },
      stage: async request => this.#stage(request),
    }
    return volumes as VolumesService
  }

  async #stage(request: CreateVolume & { replace: boolean }): Promise<StagedVolume> {
    const { name, labels, replace } = request
    const existing = this.records.get(name)
    if (existing && !replace && this.content.get(existing.mountpoint) !== '') throw conflict(`volume ${name} has data`)
    const path = `/staged/${name}`
    this.content.set(path, '')
    this.log.push(`stage ${name}`)
    await this.staging
    return {
      path,
      commit: async () => {
        await this.placing
        this.volume(name, this.content.get(path)!, existing?.labels ?? labels)
        this.content.delete(path)
        this.log.push(`commit ${name}`)
        return this.records.get(name)!
      },
      abort: async () => {
        this.content.delete(path)
        this.log.push(`abort ${name}`)
      },
    }
  }

  #archives(): Archives {
    return {
      pack: request => this.#pack(request),
      unpack: (input, request) => this.#unpack(input, request),
      digest: async path => sha256(this.content.get(path) ?? ''),
    }
  }

  #pack({ header, paths, base }: PackRequest): Packing {
    const done = Promise.withResolvers<BackupSummary>()
    let bytes = 0
    const whole = JSON.stringify({ header, contents: paths.map(path => this.content.get(path) ?? '') })
    const waiting = this.copying
    const stream = Readable.from(
      (async function* () {
        yield Buffer.from(`${whole.slice(0, 20)}`)
        await waiting
        yield Buffer.from(`${whole.slice(20)}\nEND${base ? ' +' : ''}`)
        bytes = whole.length
        done.resolve(summaryOf(header, whole))
      })(),
    )
    stream.once('close', () => done.reject(new Error('ended early')))
    return { stream, done: done.promise, progress: () => ({ files: 1, bytes, storedBytes: bytes }) }
  }

  async #unpack(input: Readable, request: UnpackRequest): Promise<BackupSummary> {
    let text = ''
    for await (const chunk of input as AsyncIterable<Buffer>) {
      text += chunk.toString()
      if (text.includes('ROTTEN')) throw invalid('archive is damaged')
    }
    if (!text.includes('\nEND')) {
      if (request.foreign === 'refuse') throw invalid('the archive has no index')
      const [path] = await request.place(undefined)
      if (path !== undefined) this.content.set(path, text)
      return { ...summaryOf(undefined, text) }
    }
    const { header, contents } = JSON.parse(text.split('\n')[0]!) as { header: BackupHeader; contents: string[] }
    const paths = await request.place(header)
    for (const [i, path] of paths.entries()) if (path !== undefined) this.content.set(path, contents[i]!)
    return summaryOf(header, text)
  }
}

function fakeExec(container: string, command: string, log: string[]): FakeExec {
  const output = new PassThrough()
  const exec: FakeExec = {
    container,
    command,
    exitCode: null,
    output,
    stdin: new PassThrough(),
    say: text => void output.write(text),
    end(code) {
      exec.exitCode = code
      output.end()
    },
  }
  void once(exec.stdin.resume(), 'end').then(() => log.push(`end of input: ${command}`))
  return exec
}

function summaryOf(header: BackupHeader | undefined, text: string): BackupSummary {
  return {
    header,
    files: 1,
    bytes: text.length,
    storedBytes: text.length,
    digest: sha256(text),
    treeDigests: [],
    changedWhileRead: [],
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The stored index of a backup, as far as anybody looks at it here. */
export function indexOf(id: string, volumes: string[]): Buffer {
  const header = {
    version: 1,
    id,
    createdAt: '2026-01-01T00:00:00Z',
    volumes: volumes.map(name => ({ name, driver: 'local', labels: {}, options: {} })),
  }
  const lines = Buffer.from(`${JSON.stringify({ header })}\n`)
  return zstdCompressSync(lines, { pledgedSrcSize: lines.length })
}
