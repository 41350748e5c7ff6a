import { find } from './context.ts'
import type { Context } from './context.ts'

/** Bytes on disk; -1 when the data lies elsewhere. */
export async function usageOf(ctx: Context, name: string): Promise<number> {
  const volume = find(ctx, name)
  return ctx.drivers.of(volume).usage(volume)
}
