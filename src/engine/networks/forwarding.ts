import type { Repository } from '#ports/store.ts'
import type { Context } from './context.ts'
import type { Element } from './firewall/ruleset.ts'

/** That this daemon turned forwarding of a family on, and in which run of the machine. */
export interface TurnedOn {
  family: 4 | 6
  bootId: string
}

const KEYS = { 4: 'net.ipv4.ip_forward', 6: 'net.ipv6.conf.all.forwarding' } as const

/**
 * Containers need a host that forwards. Where it did not, it must not become a router between its other networks by the
 * way: what is neither from nor to a bridge is dropped from then on, until the machine starts anew. A host that forwarded
 * already is left as it is.
 */
export async function turnOnForwarding(ctx: Context, family: 4 | 6): Promise<void> {
  const changed = await ctx.links.setSysctl(KEYS[family], '1')
  if (!changed || !ctx.guardForwarding) return
  ctx.turnedOn.put(String(family), { family, bootId: ctx.bootId })
  ctx.log.info('turned forwarding on; packets between other networks of this host are dropped', { family })
}

export function forwardingGuards(ctx: Pick<Context, 'turnedOn' | 'bootId' | 'guardForwarding'>): Element[] {
  if (!ctx.guardForwarding) return []
  return ctx.turnedOn
    .list()
    .filter(({ bootId }) => bootId === ctx.bootId)
    .map(({ family }) => ({ set: 'guarded', key: `ipv${family}` }))
}

export type TurnedOnRepository = Repository<TurnedOn>
