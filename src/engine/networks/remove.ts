import { forbidden } from '#lib/errors.ts'
import type { Context, StoredNetwork } from './context.ts'
import { networkEvent } from './events.ts'
import { releasePools } from './remote/ipam.ts'

export async function removeNetwork(ctx: Context, reference: string): Promise<void> {
  const network = ctx.registry.resolve(reference)
  if (network.builtin) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`)
  const users = usersOf(ctx, network.id)
  if (users.length > 0) {
    const list = users.map(user => `name:"${user.name}" id:"${user.id.slice(0, 12)}"`).join(', ')
    throw forbidden(
      `error while removing network: network ${network.name} id ${network.id} has active endpoints (${list})`,
    )
  }
  await dismantle(ctx, network)
}

/** Takes a network without endpoints away. Forgotten without an await, so that nobody attaches meanwhile. */
export async function dismantle(ctx: Context, network: StoredNetwork): Promise<void> {
  const driver = ctx.drivers.get(network.driver)!
  await driver.removed?.(network)
  if (!ctx.registry.byId(network.id)) return
  const elements = driver.elements(network)
  ctx.registry.delete(network.id)
  ctx.ipam.remove(network.id)
  ctx.zones.delete(network.id)
  driver.down(network)
  await ctx.filter.change(elements, [])
  await releasePools(ctx, network)
  networkEvent(ctx, 'destroy', network)
}

/** Containers with an endpoint there, those that are just starting included. */
export function usersOf(ctx: Context, networkId: string): { id: string; name: string }[] {
  return [...ctx.live.values()]
    .filter(sandbox => sandbox.endpoints.has(networkId))
    .map(sandbox => ({ id: sandbox.owner.id, name: sandbox.owner.name }))
}
