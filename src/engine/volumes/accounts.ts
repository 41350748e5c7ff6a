import type { VolumeRecord } from '#model/volume.ts'
import type { Context } from './context.ts'

/** A volume's data as a tree that can be measured; `witness` is whose stamp tells that it changed. */
export interface VolumeTree {
  path: string
  witness: string
  /** It is mounted: somebody may be writing now. */
  inUse: boolean
}

/** Kept figures of what trees take on disk (`engine/space`), told before a tree may change and after. */
export interface TreeAccounts {
  changing(path: string): void
  settled(path: string): void
  gone(path: string): void
  of(tree: VolumeTree): Promise<{ bytes: number }>
}

/** undefined when only the driver can say what the volume takes. Asks nobody. */
export function treeOf(ctx: Context, volume: VolumeRecord): VolumeTree | undefined {
  const path = ctx.drivers.of(volume).tree?.(volume)
  return path === undefined ? undefined : { path, witness: path, inUse: ctx.mounted.has(volume.name) }
}

/** To be called before anybody can write to it. */
export function changing(ctx: Context, volume: VolumeRecord): void {
  const tree = ctx.accounts && treeOf(ctx, volume)
  if (tree) ctx.accounts?.changing(tree.path)
}

/** To be called when the volume is no more. */
export function gone(ctx: Context, volume: VolumeRecord): void {
  const tree = ctx.accounts && treeOf(ctx, volume)
  if (tree) ctx.accounts?.gone(tree.path)
}

/** To be called when its data is as it will be for a while. */
export function settled(ctx: Context, volume: VolumeRecord): void {
  const tree = ctx.accounts && treeOf(ctx, volume)
  if (tree && !tree.inUse) ctx.accounts?.settled(tree.path)
}
