import type { Context } from '../context.ts'
import { MARK } from './ruleset.ts'

/**
 * `host`: chains of other firewalls judge our packets like any other. `docker`: they accept what comes from our networks or
 * goes there by leave of our own chains, as with Docker, whose published ports go round a host firewall.
 */
export type Manners = 'host' | 'docker'

/** Puts our rule at the head of each foreign forward chain, or takes it away. */
export async function keepManners(ctx: Context, manners: Manners): Promise<void> {
  const rule = { mark: MARK, comment: `berth:${ctx.key}` }
  const changed = await ctx.firewall.acceptFirst(rule, manners === 'docker')
  if (changed > 0) ctx.log.info('forward chains of others changed', { chains: changed, manners })
}
