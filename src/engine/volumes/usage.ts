import { treeOf } from './accounts.ts'
import { find } from './context.ts'
import type { Context } from './context.ts'

/** Bytes on disk; -1 when the data lies elsewhere. */
export async function usageOf(ctx: Context, name: string): Promise<number> {
  const volume = find(ctx, name)
  const tree = ctx.accounts && treeOf(ctx, volume)
  if (tree) return (await ctx.accounts!.of(tree)).bytes
  return ctx.drivers.of(volume).usage(volume)
}
