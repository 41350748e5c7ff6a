import { pipeline, Transform, type Readable } from 'node:stream'
import { indexLines } from '#codec/backup/index.ts'
import { rfc3339Nano } from '#lib/clock.ts'
import { conflict, invalid, messageOf } from '#lib/errors.ts'
import type { BackupHeader, BackupProgress, BackupSummary, BackupVolume } from '#model/backup.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Packing } from '#ports/archives.ts'
import { announce, portableOptions, usersOfVolumes } from './context.ts'
import type { Context } from './context.ts'
import { Ending } from './ending.ts'
import type { Freezer } from './freezer.ts'
import { hooksOf, runHooks } from './hooks.ts'
import type { Runs } from './runs.ts'
import type { RunningBackup, StartBackup } from './service.ts'

/** Bytes of the archive that may wait for a slow reader, besides those in the packer. */
const BUFFER = 1 << 20
/** Milliseconds that the first byte waits for the size of the volumes. */
const PATIENCE = 20

/**
 * Starts a backup and returns the archive as a stream. Whoever reads it decides: its end says that all went well, hooks
 * included; destroying it ends the backup. In every case containers go on, commands are ended, volumes let go.
 */
export async function startBackup(
  ctx: Context,
  parts: { runs: Runs; freezer: Freezer },
  request: StartBackup,
): Promise<RunningBackup> {
  const base = request.base && headerOf(request.base)
  const volumes = resolve(ctx, request.volumes, base)
  const id = request.repeat?.id ?? ctx.randomHex(32)
  if (parts.runs.has(id)) throw conflict(`backup ${id} is still under way`)
  const createdAt = request.repeat?.createdAt ?? rfc3339Nano(ctx.clock.nowNano())
  const copy = new Copy(ctx, id, volumes)
  parts.runs.add(id, copy)
  try {
    const sources = await copy.prepare(parts.freezer, request)
    const header: BackupHeader = {
      version: 1,
      id,
      createdAt,
      volumes: volumes.map((volume, i) => described(volume, sources[i]!.consistency)),
      ...(base && { base: { id: base.id } }),
    }
    const { format, level } = request
    const paths = sources.map(({ path }) => path)
    const packing = ctx.archives.pack({ header, paths, format, level, base: request.base })
    const stream = copy.run(packing)
    await copy.measure(base === undefined)
    return { id, createdAt, stream, totalBytes: copy.progress().totalBytes }
  } catch (error) {
    await copy.fail(error)
    throw error
  }
}

/** The header of a base. @throws invalid */
function headerOf(index: Buffer): BackupHeader {
  const { value: line } = indexLines(index).next()
  if (!line || !('header' in line)) throw invalid('the index of the base is damaged: name another base')
  return line.header
}

/** @throws not-found before anything is paused */
function resolve(ctx: Context, volumes: readonly string[], base: BackupHeader | undefined): VolumeRecord[] {
  if (volumes.length === 0) throw invalid('name at least one volume to back up')
  const twice = volumes.find((name, i) => volumes.indexOf(name) !== i)
  if (twice !== undefined) throw invalid(`volume ${twice} is named twice`)
  const records = volumes.map(name => ctx.volumes.get(name))
  if (base && !base.volumes.some(({ name }) => volumes.includes(name))) {
    const held = base.volumes.map(({ name }) => name).join(', ')
    throw invalid(`the base ${base.id} holds ${held}, and nothing of ${volumes.join(', ')}: name another base`)
  }
  return records
}

function described(volume: VolumeRecord, consistency: Source['consistency']): BackupVolume {
  const { name, driver, labels } = volume
  return { name, driver, labels, options: portableOptions(volume), consistency }
}

interface Source {
  path: string
  consistency: BackupVolume['consistency']
}

class Copy {
  readonly over: Promise<void>
  readonly #ctx: Context
  readonly #id: string
  readonly #volumes: readonly VolumeRecord[]
  /** Lets containers go on: thaws them, then ends their commands. */
  readonly #quiet: Ending
  /** Lets volumes go: snapshots, then mounts. */
  readonly #held: Ending
  readonly #settled = Promise.withResolvers<void>()
  #packing: Packing | undefined
  #stream: Readable | undefined
  #state: BackupProgress['state'] = 'running'
  #isOver = false
  #totalBytes = -1
  #error: string | undefined
  #summary: BackupSummary | undefined
  #stopped: Error | undefined

  constructor(ctx: Context, id: string, volumes: readonly VolumeRecord[]) {
    this.#ctx = ctx
    this.#id = id
    this.#volumes = volumes
    this.#quiet = new Ending(ctx.log)
    this.#held = new Ending(ctx.log)
    this.over = this.#settled.promise
  }

  isOver(): boolean {
    return this.#isOver
  }

  /** Makes the content stand still, as far as was asked, and says where it is. */
  async prepare(freezer: Freezer, request: StartBackup): Promise<Source[]> {
    const ctx = this.#ctx
    const user = `backup:${this.#id}`
    const paths: string[] = []
    for (const { name } of this.#volumes) {
      paths.push(await ctx.volumes.mount(name, user))
      this.#held.add(`unmount ${name}`, async () => ctx.volumes.unmount(name, user))
    }
    const running = () =>
      usersOfVolumes(
        ctx,
        this.#volumes.map(({ name }) => name),
      ).filter(({ state }) => state.kind === 'running' || state.kind === 'paused')
    if (request.hooks) {
      const env = [`BERTH_BACKUP_ID=${this.#id}`, `BERTH_BACKUP_VOLUMES=${request.volumes.join(' ')}`]
      await runHooks(ctx, hooksOf(this.#volumes, running()), env, this.#quiet)
    }
    if (request.pause) {
      this.#quiet.add('thaw', async () => freezer.thaw(this.#id))
      await freezer.freeze(
        this.#id,
        running().map(({ id }) => id),
      )
    }
    this.#demandGoingOn()
    // All are waited for: one that is made while another fails must be given back too.
    const attempts = await Promise.allSettled(
      this.#volumes.map(async ({ name }, i): Promise<Source> => {
        const snapshot = await ctx.volumes.snapshot(name)
        if (!snapshot) return { path: paths[i]!, consistency: request.pause ? 'paused' : 'live' }
        this.#held.add(`snapshot of ${name}`, snapshot.release)
        return { path: snapshot.path, consistency: 'snapshot' }
      }),
    )
    const sources = attempts.map(attempt => {
      if (attempt.status === 'rejected') throw attempt.reason
      return attempt.value
    })
    // What is copied cannot change any more: nobody need wait for the copy.
    if (sources.every(({ consistency }) => consistency === 'snapshot')) {
      const error = await this.#quiet.run()
      if (error) throw error
    }
    this.#demandGoingOn()
    return sources
  }

  run(packing: Packing): Readable {
    this.#packing = packing
    // Its end is awaited below; one that fails early must not count as unhandled until then.
    packing.done.catch(() => {})
    const gate = new Transform({
      highWaterMark: BUFFER,
      transform: (chunk: Buffer, _encoding, done) => done(null, chunk),
      // The reader sees the end, or its lack, only when everything is over and can be asked about.
      flush: done => {
        const completing = this.#complete(packing).catch(async (error: unknown) => {
          await this.fail(error)
          throw error
        })
        completing.then(() => done(), done)
      },
    })
    this.#stream = gate
    // Not by pipeline's callback, which waits until the source has closed too.
    gate.once('close', () => void this.fail(this.#stopped ?? gate.errored ?? new HungUp()))
    pipeline(packing.stream, gate, () => {})
    return gate
  }

  /** How much there is to read, as far as that is known soon; it is learnt later otherwise. */
  async measure(whole: boolean): Promise<void> {
    if (!whole) return
    const sizes = Promise.all(this.#volumes.map(async ({ name }) => this.#ctx.volumes.usage(name)))
    const learnt = sizes.then(
      all => void (this.#totalBytes = all.includes(-1) ? -1 : all.reduce((sum, size) => sum + size, 0)),
      () => {},
    )
    const timer = new AbortController()
    await Promise.race([learnt, this.#ctx.clock.sleep(PATIENCE, timer.signal).catch(() => {})])
    timer.abort()
  }

  progress(): BackupProgress {
    const now = this.#packing?.progress() ?? { files: 0, bytes: 0, storedBytes: 0 }
    return {
      id: this.#id,
      state: this.#state,
      ...now,
      totalBytes: this.#totalBytes,
      ...(this.#error !== undefined && { error: this.#error }),
      ...(this.#summary && { summary: this.#summary }),
    }
  }

  stop(why: Error): void {
    if (this.#isOver) return
    this.#stopped = why
    this.#stream?.destroy(why)
  }

  /** Once; later calls wait for the first. */
  async fail(cause: unknown): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'failed'
      this.#error = messageOf(cause)
      this.#packing?.stream.destroy()
      await this.#wind()
      for (const { name } of this.#volumes) {
        announce(this.#ctx, 'backup_failed', name, { backup: this.#id, error: this.#error })
      }
    }
    await this.over
  }

  async #complete(packing: Packing): Promise<void> {
    const summary = await packing.done
    const error = await this.#quiet.run()
    if (error) throw error
    await this.#held.run()
    // Whoever read it may have gone in the meantime.
    if (this.#state !== 'running') return
    this.#summary = summary
    this.#state = 'done'
    await this.#wind()
    for (const { name } of this.#volumes) {
      announce(this.#ctx, 'backup', name, {
        backup: this.#id,
        bytes: String(summary.bytes),
        storedBytes: String(summary.storedBytes),
        digest: summary.digest,
      })
    }
  }

  async #wind(): Promise<void> {
    await this.#quiet.run()
    await this.#held.run()
    this.#isOver = true
    this.#settled.resolve()
  }

  #demandGoingOn(): void {
    if (this.#stopped) throw this.#stopped
  }
}

class HungUp extends Error {
  override message = 'whoever took the backup went away before its end'
}
