import type { Context, LiveSandbox } from '../context.ts'
import type { Element } from '../firewall/ruleset.ts'
import { fixedElements, learnedElements, sourcesOf } from './elements.ts'
import type { Limited } from './state.ts'

/**
 * Reads the policies of the sandbox as its endpoints and networks are now.
 * @returns all that the packet filter held of it, and all that it shall hold
 */
export function replan(ctx: Context, sandbox: LiveSandbox): { remove: Element[]; add: Element[] } {
  const id = sandbox.owner.id
  const before = ctx.egress.limited.get(id)
  const sources = sourcesOf(ctx, sandbox)
  if (!before && sources.length === 0) return { remove: [], add: [] }
  const remove = before ? elementsOf(before) : []
  if (sources.length === 0) {
    forget(ctx, id)
    return { remove, add: [] }
  }
  const limited: Limited = {
    containerId: id,
    since: before?.since ?? ctx.clock.now(),
    sources,
    fixed: fixedElements(sources),
    learned: before?.learned ?? new Map(),
    droppedBefore: before?.droppedBefore ?? new Map(),
  }
  for (const [address, learned] of limited.learned) {
    learned.elements = learnedElements(sources, address, learned.names.keys())
    if (learned.elements.length === 0) limited.learned.delete(address)
  }
  ctx.egress.limited.set(id, limited)
  return { remove, add: elementsOf(limited) }
}

/** Makes the packet filter hold what the policies say now. */
export async function enforce(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  const { remove, add } = replan(ctx, sandbox)
  await ctx.filter.change(remove, add)
}

/** Forgets the sandbox's policies. @returns what is to leave the packet filter */
export function unlimit(ctx: Context, containerId: string): Element[] {
  const limited = ctx.egress.limited.get(containerId)
  if (!limited) return []
  forget(ctx, containerId)
  return elementsOf(limited)
}

function forget(ctx: Context, containerId: string): void {
  ctx.egress.limited.delete(containerId)
  ctx.egress.stored.delete(containerId)
}

/** Everything that the packet filter holds of it. */
export function elementsOf(limited: Limited): Element[] {
  return [...limited.fixed, ...[...limited.learned.values()].flatMap(learned => learned.elements)]
}
