import type { VolumesService } from '#engine/volumes/index.ts'
import { BerthError, conflict, isKind, messageOf } from '#lib/errors.ts'
import type { SyncLine, SyncRequest, SyncTotal } from '#model/sync.ts'
import type { ObjectPlace, Targets } from '#ports/targets.ts'
import type { VolumeTree, VolumeTrees } from '#ports/volume-tree.ts'
import type { SyncService } from '../service.ts'
import { decide } from './decide.ts'
import { pathFilter } from './filters.ts'
import { attributesOf, metadataOf } from './metadata.ts'
import { pairs, type Pair } from './pairs.ts'

/** Transfers side by side. */
const AT_ONCE = 12
/** Paths that are compared without a pause for others: a few milliseconds. */
const PAUSE = 256
/** Bytes of an upload that are in memory at most: a few parts of a large file. */
const LARGE = 32 * 1024 * 1024
/** Bytes of all of them. */
const BUDGET = 64 * 1024 * 1024

export interface SyncingOptions {
  volumes: Pick<VolumesService, 'get' | 'mount' | 'unmount'>
  targets: Pick<Targets, 'objects'>
  trees: VolumeTrees
  randomHex: (digits: number) => string
}

/** See `SyncService`. */
export class Syncing implements SyncService {
  readonly #options: SyncingOptions
  readonly #busy = new Set<string>()

  constructor(options: SyncingOptions) {
    this.#options = options
  }

  async run(request: SyncRequest, onLine: (line: SyncLine) => void, signal: AbortSignal): Promise<SyncTotal> {
    const { volumes, targets, trees, randomHex } = this.#options
    const { volume } = request
    volumes.get(volume)
    const place = await targets.objects(request.target, request.environment)
    if (this.#busy.has(volume))
      throw conflict(`volume ${volume} is being synchronized already: wait until that is over`)
    this.#busy.add(volume)
    const user = `sync:${randomHex(12)}`
    try {
      const path = await volumes.mount(volume, user)
      try {
        const tree = await trees.open(path)
        try {
          return await new Run(request, tree, place, onLine, signal).all()
        } finally {
          await tree.close()
        }
      } finally {
        await volumes.unmount(volume, user)
      }
    } finally {
      this.#busy.delete(volume)
      await place?.close()
    }
  }
}

class Run {
  readonly #request: SyncRequest
  readonly #tree: VolumeTree
  readonly #place: ObjectPlace
  readonly #onLine: (line: SyncLine) => void
  /** Ends everything: the caller, or an error that is everybody's. */
  readonly #signal: AbortSignal
  readonly #stop = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  /** Bytes that uploads under way may have in memory. */
  #held = 0
  readonly #total: SyncTotal = { compared: 0, transferred: 0, bytes: 0, deleted: 0, failed: 0, skipped: 0 }
  /** Whether the server was told to be away. */
  #waiting = false

  constructor(
    request: SyncRequest,
    tree: VolumeTree,
    place: ObjectPlace,
    onLine: (line: SyncLine) => void,
    signal: AbortSignal,
  ) {
    this.#request = request
    this.#tree = tree
    this.#place = place
    this.#onLine = onLine
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
  }

  async all(): Promise<SyncTotal> {
    const taken = pathFilter(this.#request.filters)
    try {
      for await (const pair of pairs(this.#tree.walk(), this.#place.list(this.#signal))) {
        this.#signal.throwIfAborted()
        // Lists come in pages and directories: what is the same on both sides waits for nothing.
        if (this.#total.compared++ % PAUSE === 0) await new Promise(resolve => setImmediate(resolve))
        if (!taken(pair.path)) continue
        await this.#decide(pair)
      }
    } catch (error) {
      this.#stop.abort(error)
    }
    await Promise.all(this.#underWay)
    this.#signal.throwIfAborted()
    this.#onLine({ action: 'total', ...this.#total })
    return this.#total
  }

  /** Resolves when what is to be done has begun. */
  async #decide(pair: Pair): Promise<void> {
    const decision = decide(pair, this.#request)
    if (decision === undefined) return
    if (typeof decision === 'object') {
      this.#total.skipped++
      this.#onLine({ action: 'skipped', path: pair.path, reason: decision.skip })
      return
    }
    const held = decision === 'upload' ? Math.min(pair.file?.size ?? 0, LARGE) : 0
    while (this.#underWay.size >= AT_ONCE || (this.#held > 0 && this.#held + held > BUDGET)) {
      await Promise.race(this.#underWay)
    }
    this.#signal.throwIfAborted()
    const work = this.#carryOut(decision, pair).catch((error: unknown) => this.#failed(decision, pair.path, error))
    this.#underWay.add(work)
    this.#held += held
    void work.then(() => {
      this.#underWay.delete(work)
      this.#held -= held
    })
  }

  async #carryOut(action: 'upload' | 'download' | 'delete', pair: Pair): Promise<void> {
    const { path } = pair
    const planned = this.#request.direction === 'to' ? pair.file?.size : pair.object?.size
    let bytes = action === 'delete' ? 0 : (planned ?? 0)
    if (!this.#request.dryRun) {
      if (action === 'upload') bytes = await this.#upload(path)
      else if (action === 'download') bytes = await this.#download(path)
      else if (!(await this.#remove(path))) return
    }
    if (action === 'delete') this.#total.deleted++
    else {
      this.#total.transferred++
      this.#total.bytes += bytes
    }
    this.#onLine({ action, path, bytes })
  }

  async #upload(path: string): Promise<number> {
    const { file, content } = await this.#tree.read(path)
    const { bytes } = await this.#place.put(path, content, { ...this.#patience(), metadata: metadataOf(file) })
    return bytes
  }

  async #download(path: string): Promise<number> {
    const { content, size, modified, metadata } = await this.#place.open(path, this.#patience())
    await this.#tree.write(path, content, attributesOf(metadata, modified))
    return size
  }

  /** A list may be out of order, or old: what is deleted is first asked for once more. @returns whether it was deleted */
  async #remove(path: string): Promise<boolean> {
    if (this.#request.direction === 'to') {
      if (await this.#tree.stat(path)) return false
      await this.#place.remove(path)
    } else {
      if (await this.#place.stat(path)) return false
      await this.#tree.remove(path)
    }
    return true
  }

  #patience() {
    return {
      signal: this.#signal,
      onWait: (reason: string) => {
        // Each transfer waits, and says so; it is told once.
        if ((reason !== '') === this.#waiting) return
        this.#waiting = reason !== ''
        this.#onLine({ action: 'waiting', reason })
      },
    }
  }

  #failed(what: 'upload' | 'download' | 'delete', path: string, error: unknown): void {
    if (this.#signal.aborted) return
    if (isEverybodys(error)) {
      this.#stop.abort(error)
      return
    }
    // A file that went between the look and the read is none that failed.
    if (what === 'upload' && isKind(error, 'not-found')) return
    this.#total.failed++
    this.#onLine({ action: 'failed', what, path, reason: messageOf(error) })
  }
}

/** Credentials, the bucket, the way to the server, a full disk: the next file would fail the same way. */
function isEverybodys(error: unknown): boolean {
  if (!(error instanceof BerthError)) return false
  const { code, errno } = error.details
  if (code === 'NoSuchBucket' || errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EROFS') return true
  return error.kind === 'unauthenticated' || error.kind === 'unavailable'
}
