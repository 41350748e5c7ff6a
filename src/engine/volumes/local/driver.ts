import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { dataOf, directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { NewVolume, VolumeDriver, VolumeExtent, VolumeSnapshot } from '../driver.ts'
import { checkAnswers, Devices } from './device.ts'
import { Images } from './image.ts'
import type { Device } from './options.ts'
import { isForeign, parseOptions } from './options.ts'
import { recoverMounts } from './recover.ts'
import { Subvolumes } from './subvolumes.ts'
import { VALIDATION_DEADLINE, validateDevice } from './validate.ts'

/** Volumes of the `local` driver: directories, images with a file system, and whatever can be mounted on a directory. */
export class LocalDriver implements VolumeDriver {
  readonly name = 'local'
  readonly scope = 'local'
  readonly #ctx: Context
  readonly #images: Images
  readonly #devices: Devices
  readonly #subvolumes: Subvolumes

  constructor(ctx: Context) {
    this.#ctx = ctx
    this.#images = new Images(ctx)
    this.#devices = new Devices(ctx)
    this.#subvolumes = new Subvolumes(ctx)
  }

  check(options: Readonly<Record<string, string>>): void {
    parseOptions(options)
  }

  /** The directory comes before the record: a crash between leaves an empty directory, which `recover` removes. */
  async create(volume: NewVolume, how: { validate: boolean }): Promise<string> {
    const ctx = this.#ctx
    const { owner, mode, device, store } = parseOptions(volume.options)
    if (device && how.validate) await validateDevice(ctx, device)
    const [directory, data] = [directoryOf(ctx, volume.name), dataOf(ctx, volume.name)]
    await ctx.files.makeDirectory(directory, { mode: 0o701 })
    const look = { mode: device ? 0o755 : (mode ?? 0o755), ...owner }
    await (device ? ctx.files.makeDirectory(data, look) : this.#subvolumes.make(data, look))
    try {
      if (store) await this.#images.create(volume)
      if (device && how.validate) await this.#tryOut(volume.name, device)
    } catch (error) {
      await ctx.files.remove(directory).catch((left: unknown) => {
        ctx.log.warn('a volume that could not be made was left behind', { directory, error: messageOf(left) })
      })
      throw error
    }
    return data
  }

  /** Nothing but the mount itself shows whether options and passwords are right. */
  async #tryOut(name: string, device: Device): Promise<void> {
    await this.#devices.mount(name, device, {}, this.#ctx.validationDeadline ?? VALIDATION_DEADLINE)
    await this.#devices.unmount(name, isForeign(device))
  }

  async attach(volume: VolumeRecord): Promise<string> {
    const ctx = this.#ctx
    const data = dataOf(ctx, volume.name)
    const { device, owner, mode, store } = parseOptions(volume.options)
    // Before anything touches the directory, which a dead file server would make hang.
    if ((device || store) && ctx.mounts.isMounted(data)) {
      if (device) await checkAnswers(ctx, data)
      return data
    }
    // One that somebody deleted by hand must not keep a container from starting.
    await ctx.files.makeDirectory(data, { mode: mode ?? 0o755, ...owner })
    if (device) await this.#devices.mount(volume.name, device, { ...owner, ...(mode !== undefined && { mode }) })
    if (store) await this.#images.attach(volume)
    return data
  }

  async resume(volume: VolumeRecord): Promise<string> {
    return this.isAttached(volume) ? dataOf(this.#ctx, volume.name) : this.attach(volume)
  }

  async detach(volume: VolumeRecord): Promise<void> {
    const { device } = parseOptions(volume.options)
    if (this.#mayBeMounted(volume)) await this.#devices.unmount(volume.name, device !== undefined && isForeign(device))
  }

  isAttached(volume: VolumeRecord): boolean {
    return this.#mayBeMounted(volume) && this.#ctx.mounts.isMounted(dataOf(this.#ctx, volume.name))
  }

  /** The rename is the moment of removal: a crash before it leaves the volume, one after it is finished by `recover`. */
  async discard(volume: VolumeRecord): Promise<string | undefined> {
    const ctx = this.#ctx
    const directory = directoryOf(ctx, volume.name)
    if (!(await ctx.files.stat(directory))) return undefined
    const trash = `${ctx.root}/.trash-${volume.name.slice(0, 230)}-${ctx.randomHex(8)}`
    await ctx.files.rename(directory, trash)
    return trash
  }

  /** A server's disk is not ours to count, and it may not answer. */
  async usage(volume: VolumeRecord): Promise<number> {
    const ctx = this.#ctx
    const { device, store } = parseOptions(volume.options)
    if (device && device.type !== 'tmpfs') return -1
    if (device && !ctx.mounts.isMounted(dataOf(ctx, volume.name))) return 0
    const counted = store && (await this.#images.usage(volume.name))
    return counted ?? ctx.files.usage(dataOf(ctx, volume.name))
  }

  tree(volume: VolumeRecord): string | undefined {
    const { device, store } = parseOptions(volume.options)
    return device || store ? undefined : dataOf(this.#ctx, volume.name)
  }

  extent({ options }: Pick<VolumeRecord, 'options'>): VolumeExtent {
    return parseOptions(options).device ? 'handle' : 'all'
  }

  isPlain(volume: VolumeRecord): boolean {
    const { device, owner, mode, store } = parseOptions(volume.options)
    return device === undefined && owner === undefined && mode === undefined && store === undefined
  }

  async own(volume: VolumeRecord, directory: string): Promise<void> {
    const { owner, mode } = parseOptions(volume.options)
    if (owner || mode !== undefined)
      await this.#ctx.block?.own(directory, { ...owner, ...(mode !== undefined && { mode }) })
  }

  lost(name: string): Promise<Record<string, string> | undefined> {
    return this.#images.lost(name)
  }

  grow(volume: VolumeRecord, bytes: number): Promise<Record<string, string>> {
    return this.#images.grow(volume, bytes)
  }

  async snapshot(volume: VolumeRecord): Promise<VolumeSnapshot | undefined> {
    const snapshot = await this.#images.snapshot(volume)
    if (snapshot || parseOptions(volume.options).device) return snapshot
    return (await this.#images.has(volume.name)) ? undefined : this.#subvolumes.snapshot(volume)
  }

  async clone(source: VolumeRecord, target: VolumeRecord): Promise<'snapshot' | 'reflink' | 'copy' | undefined> {
    const { store, device } = parseOptions(source.options)
    if (device) return undefined
    if (store && (await this.#images.has(source.name))) return this.#images.clone(source, target)
    return this.#subvolumes.clone(source, target)
  }

  /** A directory for the data of a plain volume, to be put in the place of the one it has. */
  makePlace(path: string): Promise<void> {
    return this.#subvolumes.make(path, { mode: 0o755 })
  }

  recover(volumes: VolumeRecord[]): Promise<void> {
    return recoverMounts(this.#ctx, this.#images, volumes)
  }

  #mayBeMounted({ options }: VolumeRecord): boolean {
    const { device, store } = parseOptions(options)
    return device !== undefined || store !== undefined
  }
}
