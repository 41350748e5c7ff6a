import type { Context } from '../context.ts'
import type { Limited, StoredNames } from './state.ts'

/** Writes down what a daemon that was killed must not forget. */
export function remember(ctx: Context, { containerId, learned, droppedBefore }: Limited): void {
  const addresses: StoredNames['addresses'] = {}
  for (const [address, { names }] of learned) addresses[address] = Object.fromEntries(names)
  ctx.egress.stored.put(containerId, { containerId, addresses, dropped: Object.fromEntries(droppedBefore) })
}
