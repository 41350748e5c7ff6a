import type { Context } from './context.ts'

/** The locks of two volumes, always in the same order: two who want both must not wait for each other. */
export function lockBoth<T>(ctx: Context, one: string, other: string, work: () => Promise<T>): Promise<T> {
  const [first, second] = [one, other].sort() as [string, string]
  return ctx.locks.run(first, () => ctx.locks.run(second, work))
}
