import type { Context } from '../context.ts'
import { replan } from './enforce.ts'
import { learnedElements } from './elements.ts'
import { dropCounters } from './counters.ts'
import { remember } from './remember.ts'

/** Milliseconds that an address is allowed after a restart at least: programs go on with what they were told. */
const AFTER_RESTART = 120_000

/** Policies of sandboxes that run, with the addresses that answers gave and the drops counted before. Before the table is made anew. */
export async function recoverEgress(ctx: Context): Promise<void> {
  for (const sandbox of ctx.live.values()) {
    try {
      recoverNames(ctx, sandbox.owner.id, () => replan(ctx, sandbox))
    } catch (error) {
      ctx.log.error('egress policy not read', { container: sandbox.owner.name, error: String(error) })
    }
  }
  for (const { containerId } of ctx.egress.stored.list()) {
    if (!ctx.live.has(containerId)) ctx.egress.stored.delete(containerId)
  }
  if (ctx.egress.limited.size === 0) return
  const counters = await dropCounters(ctx).catch(() => new Map<string, number>())
  for (const limited of ctx.egress.limited.values()) {
    for (const { address } of limited.sources) {
      const before = limited.droppedBefore.get(address) ?? 0
      limited.droppedBefore.set(address, before + (counters.get(address) ?? 0))
    }
    remember(ctx, limited)
  }
}

function recoverNames(ctx: Context, containerId: string, plan: () => unknown): void {
  const stored = ctx.egress.stored.get(containerId)
  plan()
  const limited = ctx.egress.limited.get(containerId)
  if (!stored || !limited) return
  for (const [address, packets] of Object.entries(stored.dropped)) limited.droppedBefore.set(address, packets)
  const atLeast = ctx.clock.now() + AFTER_RESTART
  for (const [address, names] of Object.entries(stored.addresses)) {
    const known = new Map(Object.entries(names).map(([name, until]) => [name, Math.max(until, atLeast)]))
    const elements = learnedElements(limited.sources, address, known.keys())
    if (elements.length > 0) limited.learned.set(address, { names: known, elements, pending: undefined })
  }
}
