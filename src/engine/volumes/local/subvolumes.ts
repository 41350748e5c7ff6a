import type { VolumeRecord } from '#model/volume.ts'
import { dataOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { VolumeSnapshot } from '../driver.ts'

/** `.snapshot-ID`: what a killed daemon has left of it is removed by `recoverVolumes`. */
export const SNAPSHOT_DIRECTORY = /^\.snapshot-[0-9a-f]{12}$/

/** On a btrfs data root the plain directories of volumes are subvolumes, which can be snapshot and cloned in no time. */
export class Subvolumes {
  readonly #ctx: Context
  #onBtrfs: Promise<boolean> | undefined

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  /** A directory for data: a subvolume where there are any. Already there is success. */
  async make(path: string, look: { mode: number; uid?: number; gid?: number }): Promise<void> {
    const { files, block } = this.#ctx
    if (!block || !(await this.#isBtrfs()) || (await files.stat(path))) return files.makeDirectory(path, look)
    await block.makeSubvolume(path)
    await block.own(path, look)
  }

  async snapshot(volume: VolumeRecord): Promise<VolumeSnapshot | undefined> {
    const ctx = this.#ctx
    const data = dataOf(ctx, volume.name)
    if (!(await this.#isSubvolume(data))) return undefined
    const path = `${ctx.root}/.snapshot-${ctx.randomHex(12)}`
    await ctx.block!.snapshot(data, path, { readonly: true })
    return { path, release: () => ctx.block!.removeSubvolume(path) }
  }

  /** @param target was just made and is empty */
  async clone(source: VolumeRecord, target: VolumeRecord): Promise<'snapshot' | undefined> {
    const ctx = this.#ctx
    const [from, to] = [dataOf(ctx, source.name), dataOf(ctx, target.name)]
    if (!(await this.#isSubvolume(from))) return undefined
    await ctx.files.remove(to)
    await ctx.block!.snapshot(from, to, { readonly: false })
    return 'snapshot'
  }

  async #isSubvolume(path: string): Promise<boolean> {
    return (await this.#isBtrfs()) && this.#ctx.block!.isSubvolume(path)
  }

  #isBtrfs(): Promise<boolean> {
    const { block, root } = this.#ctx
    this.#onBtrfs ??= block ? block.support(root).then(({ type }) => type === 'btrfs') : Promise.resolve(false)
    return this.#onBtrfs
  }
}
