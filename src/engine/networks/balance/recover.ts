import { messageOf } from '#lib/errors.ts'
import { parseAddress } from '../ipam/address.ts'
import type { Context } from '../context.ts'
import { resumeClient } from './clients.ts'
import { leaseHolder } from './state.ts'
import { addVip } from './vip.ts'

/** After a restart: a group has the addresses that the leases say. */
export function recoverVips(ctx: Context): void {
  for (const group of ctx.balance.groups.values()) {
    const found = new Map<string, Record<4 | 6, string>>()
    for (const { networkId, address } of ctx.ipam.leasesOf(leaseHolder(group.key))) {
      const addresses = found.get(networkId) ?? { 4: '', 6: '' }
      const family = parseAddress(address)?.family
      if (family) addresses[family] = address
      found.set(networkId, addresses)
    }
    for (const [networkId, addresses] of found) addVip(ctx, group, networkId, addresses)
  }
}

/** Begins to look at the clients. They go on with what they have until then; who was told an address keeps it. */
export function resumeClients(ctx: Context): void {
  const { resuming, vips } = ctx.balance
  if (vips.size === 0) return
  for (const sandbox of ctx.live.values()) {
    const { id, name } = sandbox.owner
    const resumed = resumeClient(ctx, sandbox)
      .catch((error: unknown) => {
        ctx.log.error('addresses of services not resumed', { container: name, error: messageOf(error) })
      })
      .finally(() => resuming.delete(id))
    resuming.set(id, resumed)
  }
}
