import { invalid, messageOf, system } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Block, ImageType } from '#ports/block.ts'
import type { Context } from '../context.ts'
import { dataOf, directoryOf } from '../context.ts'
import type { NewVolume, VolumeSnapshot } from '../driver.ts'
import { shownBytes } from './bytes.ts'
import type { LocalOptions, StoreOptions } from './options.ts'
import { parseOptions } from './options.ts'

const IMAGE = 'volume.img'
/** Subvolume of a btrfs image that is the volume; snapshots lie beside it. */
const DATA = 'data'
/** The options, from the first use on: what is known of a volume whose record was lost. */
const OPTIONS = 'options.json'
/** Directories on which all of a btrfs image is mounted, for a snapshot. */
const TOP = /^_top-[0-9a-f]{8}$/
const SNAPSHOT = 'snapshot'

type Named = Pick<VolumeRecord, 'name' | 'options'>

/**
 * Volumes with a limit or compression. Where the data root's file system can do it to a directory, it does (project
 * quota, btrfs); else the volume is a file system in a sparse file, `volume.img`, on a loop device while it is mounted.
 * Nothing is remembered by name: the directory may be renamed.
 */
export class Images {
  readonly #ctx: Context

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  /** The directories are there. Leaves what it made to the caller to remove, when it fails. */
  async create({ name, options }: NewVolume): Promise<void> {
    const parsed = parseOptions(options)
    const store = parsed.store!
    const block = this.#block()
    const directory = directoryOf(this.#ctx, name)
    const { type, projectQuota, totalBytes } = await block.support(directory)
    if (!store.compress && projectQuota) return block.limit(directory, store.size!)
    if (store.compress && store.size === undefined && type === 'btrfs')
      return block.compress(dataOf(this.#ctx, name), store.compress.algorithm)
    // Whole blocks: what is beyond the last one could never be used.
    const bytes = Math.floor((store.size ?? totalBytes) / BLOCK) * BLOCK
    await block.format(this.#image(name), { type: typeOf(store), bytes, preallocate: store.preallocate })
    await this.#settle({ name, options }, parsed)
  }

  /** @returns whether the volume is an image, and is mounted now */
  async attach(volume: Named): Promise<boolean> {
    if (!(await this.has(volume.name))) return false
    const note = `${directoryOf(this.#ctx, volume.name)}/${OPTIONS}`
    if (!(await this.#ctx.files.stat(note))) await this.#ctx.files.writeAtomic(note, JSON.stringify(volume.options))
    await this.#mount(volume, dataOf(this.#ctx, volume.name))
    await this.#giveBack(volume)
    return true
  }

  /**
   * What was written and never became part of the file system (the host's disk was full, the power went) is free to it,
   * and taken on the host.
   */
  async #giveBack({ name, options }: Named): Promise<void> {
    if (parseOptions(options).store!.preallocate) return
    const data = dataOf(this.#ctx, name)
    const [taken, { usedBytes }] = await Promise.all([
      this.#ctx.files.usage(this.#image(name)),
      this.#block().support(data),
    ])
    if (taken - usedBytes > WORTH_TRIMMING) await this.#block().trim(data)
  }

  async has(name: string): Promise<boolean> {
    return (await this.#ctx.files.stat(this.#image(name)))?.kind === 'file'
  }

  /** Options of an image that was in use and has no record; undefined for anything else. */
  async lost(name: string): Promise<Record<string, string> | undefined> {
    const note = `${directoryOf(this.#ctx, name)}/${OPTIONS}`
    if (!(await this.has(name)) || !(await this.#ctx.files.stat(note))) return undefined
    return JSON.parse(await this.#ctx.files.read(note)) as Record<string, string>
  }

  /** What the host's disk really has of it, or what its quota counts. */
  async usage(name: string): Promise<number | undefined> {
    if (await this.has(name)) return this.#ctx.files.usage(this.#image(name))
    return (await this.#ctx.block?.limited(directoryOf(this.#ctx, name)))?.bytes
  }

  /** @throws invalid for less than it has, or without a limit */
  async grow(volume: VolumeRecord, bytes: number): Promise<Record<string, string>> {
    const { name, options } = volume
    const store = parseOptions(options).store
    if (store?.size === undefined)
      throw invalid(`volume ${name} has no limit that could be raised: only volumes made with size= have one`)
    const wanted = Math.floor(bytes / BLOCK) * BLOCK
    if (wanted < store.size) {
      const words = `volume ${name} has ${shownBytes(store.size)}: it can grow, but not shrink to ${shownBytes(bytes)}`
      throw invalid(`${words}: clone it to a smaller volume`)
    }
    if (await this.has(name)) {
      const type = typeOf(store)
      if (type === 'btrfs' && wanted !== store.size && wanted < LEAST_GROWN)
        throw invalid(`volume ${name} compresses, and such a volume grows to ${shownBytes(LEAST_GROWN)} or more`)
      const grow = (target?: string) =>
        this.#block().grow(this.#image(name), { type, bytes: wanted, ...(target !== undefined && { target }) })
      const data = dataOf(this.#ctx, name)
      if (type === 'btrfs') await this.#whileMounted(volume, grow)
      else await grow(this.#ctx.mounts.isMounted(data) ? data : undefined)
    } else {
      await this.#block().limit(directoryOf(this.#ctx, name), wanted)
    }
    return { ...options, size: shownBytes(wanted) }
  }

  /** The volume is attached. */
  async snapshot(volume: VolumeRecord): Promise<VolumeSnapshot | undefined> {
    const store = parseOptions(volume.options).store
    if (!store?.compress || !(await this.has(volume.name))) return undefined
    const block = this.#block()
    const top = `${directoryOf(this.#ctx, volume.name)}/_top-${this.#ctx.randomHex(8)}`
    const path = `${top}/${SNAPSHOT}-${top.slice(-8)}`
    const release = () => this.#removeTop(volume.name, top.slice(top.lastIndexOf('/') + 1))
    try {
      await this.#ctx.files.makeDirectory(top, { mode: 0o700 })
      await block.mount(top, 'btrfs', this.#image(volume.name), WHOLE)
      await block.snapshot(`${top}/${DATA}`, path, { readonly: true })
    } catch (error) {
      await release()
      throw error
    }
    return { path, release }
  }

  /** By the image as a whole. */
  async clone(source: VolumeRecord, target: VolumeRecord): Promise<'reflink' | 'copy' | undefined> {
    if (!(await this.has(source.name)) || !(await this.has(target.name))) return undefined
    const data = dataOf(this.#ctx, source.name)
    const type = typeOf(parseOptions(source.options).store!)
    const copying = { type, ...(this.#ctx.mounts.isMounted(data) && { target: data }) }
    return this.#block().copyImage(this.#image(source.name), this.#image(target.name), copying)
  }

  /** What a crash left in a volume's directory. */
  async mend(name: string): Promise<void> {
    const directory = directoryOf(this.#ctx, name)
    for (const entry of await this.#ctx.files.list(directory)) {
      if (entry === `${IMAGE}.part`) await this.#ctx.files.remove(`${directory}/${entry}`)
      if (TOP.test(entry)) await this.#removeTop(name, entry)
    }
    const data = dataOf(this.#ctx, name)
    if ((await this.has(name)) && this.#ctx.mounts.isMounted(data)) await this.#block().thaw(data)
  }

  /** Removes the snapshot in a top directory, and the directory. */
  async #removeTop(name: string, entry: string): Promise<void> {
    const ctx = this.#ctx
    const block = this.#block()
    const top = `${directoryOf(ctx, name)}/${entry}`
    if (!(await ctx.files.stat(top))) return
    try {
      if (!ctx.mounts.isMounted(top)) await block.mount(top, 'btrfs', this.#image(name), WHOLE)
      await block.removeSubvolume(`${top}/${SNAPSHOT}-${entry.slice(-8)}`)
    } catch (error) {
      ctx.log.warn('a snapshot could not be removed', { volume: name, error: messageOf(error) })
    }
    await ctx.mounts.unmount(top)
    await ctx.files.remove(top)
  }

  /** A new file system gets its root: nothing in it, with owner and mode. */
  async #settle(volume: Named, { owner, mode, store }: LocalOptions): Promise<void> {
    const ctx = this.#ctx
    const block = this.#block()
    const data = dataOf(ctx, volume.name)
    const image = this.#image(volume.name)
    const type = typeOf(store!)
    await block.mount(data, type, image, [])
    try {
      if (type === 'btrfs') await block.makeSubvolume(`${data}/${DATA}`)
      // Programs that want an empty directory (initdb) refuse one with this in it; fsck makes it when it needs it.
      else await ctx.files.remove(`${data}/lost+found`)
      const root = type === 'btrfs' ? `${data}/${DATA}` : data
      await block.own(root, { uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mode: mode ?? 0o755 })
    } finally {
      await ctx.mounts.unmount(data)
    }
  }

  async #whileMounted(volume: Named, work: (target: string) => Promise<void>): Promise<void> {
    const data = dataOf(this.#ctx, volume.name)
    if (this.#ctx.mounts.isMounted(data)) return work(data)
    await this.#mount(volume, data)
    try {
      await work(data)
    } finally {
      await this.#ctx.mounts.unmount(data)
    }
  }

  async #mount({ name, options }: Named, target: string): Promise<void> {
    const store = parseOptions(options).store!
    try {
      await this.#block().mount(target, typeOf(store), this.#image(name), mountOptions(store))
    } catch (cause) {
      const words = `error while mounting volume '${target}': failed to mount local volume: ${messageOf(cause)}`
      throw system(words, { cause })
    }
  }

  #image(name: string): string {
    return `${directoryOf(this.#ctx, name)}/${IMAGE}`
  }

  /** @throws invalid in Docker's words */
  #block(): Block {
    if (!this.#ctx.block) throw invalid('quota size requested but no quota support')
    return this.#ctx.block
  }
}

const BLOCK = 4096
/** Bytes: more than the journal of a small one. */
const WORTH_TRIMMING = 16 << 20
/** btrfs resizes to nothing smaller, in bytes. */
const LEAST_GROWN = 256 << 20
/** Everything in a btrfs image, whatever subvolume is the default. */
const WHOLE = ['subvolid=5']

function typeOf({ compress }: StoreOptions): ImageType {
  return compress ? 'btrfs' : 'ext4'
}

/** With `discard`, what is deleted in the volume is given back to the host; what was taken in advance is kept. */
function mountOptions({ compress, preallocate }: StoreOptions): string[] {
  const options = preallocate ? ['nodiscard'] : ['discard']
  if (!compress) return options
  if (!preallocate) options[0] = 'discard=sync'
  const level = compress.level === undefined ? '' : `:${compress.level}`
  return [...options, `subvol=${DATA}`, `compress=${compress.algorithm}${level}`]
}
