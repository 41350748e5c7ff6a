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

/** Clients go on with what they have until then; who was told an address keeps it. */
export async function resumeClients(ctx: Context): Promise<void> {
  if (ctx.balance.vips.size === 0) return
  await Promise.all(
    [...ctx.live.values()].map(sandbox =>
      resumeClient(ctx, sandbox).catch((error: unknown) => {
        ctx.log.error('addresses of services not resumed', { container: sandbox.owner.name, error: messageOf(error) })
      }),
    ),
  )
}
