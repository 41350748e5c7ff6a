import type { EndpointRecord } from '#model/container.ts'
import type { AddressLease } from '#model/network.ts'
import type { Context } from '../context.ts'
import { releaseRemote } from './ipam.ts'

/**
 * Gives plugins back what containers had that ended, or were cut short in their start, while the daemon was away. Nobody waits
 * for it: a plugin that does not answer must not keep the daemon from starting. Call it while the leases are as they were.
 */
export function recoverRemote(
  ctx: Context,
  live: ReadonlySet<string>,
  stopped: readonly { owner: { id: string }; endpoints: Readonly<Record<string, EndpointRecord>> }[],
): void {
  const addresses = new Set<string>()
  for (const { endpoints } of stopped) {
    for (const endpoint of Object.values(endpoints)) {
      const network = ctx.registry.byId(endpoint.networkId)
      // One that ended before anybody's eyes has no endpoint any more.
      if (!network || endpoint.endpointId === '') continue
      const driver = ctx.drivers.get(network.driver)
      if (driver?.created) driver.detach(network, endpoint)
      for (const address of [endpoint.ipv4, endpoint.ipv6]) if (address) addresses.add(`${network.id}/${address}`)
    }
  }
  for (const lease of ctx.store.repository<AddressLease>('leases').list()) {
    if (!lease.static && !live.has(lease.containerId)) addresses.add(`${lease.networkId}/${lease.address}`)
  }
  for (const key of addresses) {
    const at = key.indexOf('/')
    const network = ctx.registry.byId(key.slice(0, at))
    if (!network?.remotePools) continue
    const released = releaseRemote(ctx, network, key.slice(at + 1)).finally(() => {
      if (ctx.draining.get(key) === released) ctx.draining.delete(key)
    })
    ctx.draining.set(key, released)
  }
}
