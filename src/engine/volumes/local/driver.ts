import type { VolumeRecord } from '#model/volume.ts'
import { dataOf, directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { NewVolume, VolumeDriver, VolumeExtent } from '../driver.ts'
import { mountDevice } from './device.ts'
import { parseOptions } from './options.ts'

/** Volumes of the `local` driver: directories, and whatever can be mounted on one. */
export class LocalDriver implements VolumeDriver {
  readonly name = 'local'
  readonly scope = 'local'
  readonly #ctx: Context

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  check(options: Readonly<Record<string, string>>): void {
    parseOptions(options)
  }

  /** The directory comes before the record: a crash between leaves an empty directory, which `recover` removes. */
  async create({ name, options }: NewVolume): Promise<string> {
    const ctx = this.#ctx
    const { owner, mode, device } = parseOptions(options)
    await ctx.files.makeDirectory(directoryOf(ctx, name), { mode: 0o701 })
    await ctx.files.makeDirectory(dataOf(ctx, name), { mode: device ? 0o755 : (mode ?? 0o755), ...owner })
    return dataOf(ctx, name)
  }

  async attach(volume: VolumeRecord): Promise<string> {
    const ctx = this.#ctx
    const data = dataOf(ctx, volume.name)
    const { device, owner, mode } = parseOptions(volume.options)
    // Before anything touches the directory, which a dead file server would make hang.
    if (device && ctx.mounts.isMounted(data)) return data
    // One that somebody deleted by hand must not keep a container from starting.
    await ctx.files.makeDirectory(data, { mode: mode ?? 0o755, ...owner })
    if (device) await mountDevice(ctx, volume.name, device)
    return data
  }

  async detach(volume: VolumeRecord): Promise<void> {
    const { device } = parseOptions(volume.options)
    if (device) await this.#ctx.mounts.unmount(dataOf(this.#ctx, volume.name))
  }

  isAttached(volume: VolumeRecord): boolean {
    const { device } = parseOptions(volume.options)
    return device !== undefined && this.#ctx.mounts.isMounted(dataOf(this.#ctx, volume.name))
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
    const { device } = parseOptions(volume.options)
    if (device && device.type !== 'tmpfs') return -1
    if (device && !ctx.mounts.isMounted(dataOf(ctx, volume.name))) return 0
    return ctx.files.usage(dataOf(ctx, volume.name))
  }

  extent({ options }: Pick<VolumeRecord, 'options'>): VolumeExtent {
    return parseOptions(options).device ? 'handle' : 'all'
  }

  isPlain(volume: VolumeRecord): boolean {
    const { device, owner, mode } = parseOptions(volume.options)
    return device === undefined && owner === undefined && mode === undefined
  }
}
