import { dataOf, find } from './context.ts'
import type { Context } from './context.ts'
import { parseOptions } from './options.ts'

/** Bytes; -1 when the data lies elsewhere: a server's disk is not ours to count, and it may not answer. */
export async function usageOf(ctx: Context, name: string): Promise<number> {
  const { device } = parseOptions(find(ctx, name).options)
  if (device && device.type !== 'tmpfs') return -1
  if (device && !ctx.mounts.isMounted(dataOf(ctx, name))) return 0
  return ctx.files.usage(dataOf(ctx, name))
}
