import type { EndpointRecord } from '#model/container.ts'
import { leaveGroup } from './balance/members.ts'
import type { Context } from './context.ts'
import { unlimit } from './egress/enforce.ts'
import { networkEvent } from './events.ts'
import { releaseRemote } from './remote/ipam.ts'
import { portElements } from './publish.ts'

/** Names and ports are gone when this returns; interfaces and the namespace follow (14-40 ms each, kernel's own pace). */
export async function closeSandbox(ctx: Context, containerId: string): Promise<void> {
  const sandbox = ctx.live.get(containerId)
  if (!sandbox) return
  const elements = [...portElements(ctx, sandbox), ...unlimit(ctx, containerId)]
  const endpoints = [...sandbox.endpoints.values()]
  ctx.live.delete(containerId)
  ctx.linking.delete(sandbox)
  for (const endpoint of endpoints) ctx.zones.get(endpoint.networkId)?.remove(containerId)
  if (sandbox.embeddedDns) ctx.dnsSockets.close(sandbox.path)
  for (const endpoint of endpoints) detach(ctx, containerId, endpoint)
  if (sandbox.sandboxId) ctx.sandboxes.remove(sandbox.sandboxId)
  // The port is held until nothing leads to the dead any more, or the next owner's element would clash with ours.
  await Promise.all([ctx.filter.change(elements, []), leaveGroup(ctx, sandbox)]).catch((error: unknown) => {
    ctx.log.error('published ports not removed from the packet filter', {
      container: containerId,
      error: String(error),
    })
  })
  ctx.portTable.release(containerId)
  if (sandbox.ports.some(port => port.protocol === 'udp')) {
    for (const { ipv4 } of endpoints) {
      if (ipv4) void ctx.firewall.forgetFlows({ protocol: 'udp', address: ipv4 }).catch(() => {})
    }
  }
}

/** Milliseconds. */
const DRAIN_AT_MOST = 500

/** Takes an endpoint's interface away, and its addresses once it is really gone. */
export function detach(ctx: Context, containerId: string, endpoint: EndpointRecord, sandboxPath?: string): void {
  const network = ctx.registry.byId(endpoint.networkId)
  if (!network) return
  const driver = ctx.drivers.get(network.driver)!
  driver.detach(network, endpoint, sandboxPath)
  networkEvent(ctx, 'disconnect', network, containerId)
  if (!driver.addressed) return
  const addresses = [endpoint.ipv4, endpoint.ipv6].filter(address => address !== '')
  const keys = addresses.map(address => `${network.id}/${address}`)
  // On a host that is never idle the queue is never empty: after that long ours has gone all the same.
  const drained: Promise<void> = Promise.race([ctx.links.settled(), ctx.clock.sleep(DRAIN_AT_MOST)])
    .catch(() => {})
    .then(async () => {
      for (const [index, address] of addresses.entries()) {
        // Claimed ones are kept; so are those that a quick restart of the same container has taken again.
        const claimed = ctx.ipam.holder(network.id, address)?.static === true
        const again = ctx.live.get(containerId)?.endpoints.get(network.id)
        if (!claimed && again?.ipv4 !== address && again?.ipv6 !== address) {
          ctx.ipam.release(network.id, address, containerId)
        }
        if (again?.ipv4 !== address && again?.ipv6 !== address) await releaseRemote(ctx, network, address)
        if (ctx.draining.get(keys[index]!) === drained) ctx.draining.delete(keys[index]!)
      }
    })
    .catch((error: unknown) => ctx.log.error('address not released', { addresses, error: String(error) }))
  for (const key of keys) ctx.draining.set(key, drained)
}
