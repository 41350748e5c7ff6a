import { forbidden, invalid } from '#lib/errors.ts'
import { Rollback } from '#lib/rollback.ts'
import type { NetworkRecord } from '#model/network.ts'
import { EGRESS_KEY } from '#model/egress.ts'
import type { Context, StoredNetwork } from './context.ts'
import { enforce } from './egress/enforce.ts'
import { checkNetworkPolicy } from './egress/policies.ts'
import { networkEvent } from './events.ts'
import { refreshEndpoints } from './republish.ts'
import type { NetworkChange } from './service.ts'

/** Options that a network in use can take on. */
const CHANGEABLE = [
  'com.docker.network.driver.mtu',
  'com.docker.network.bridge.enable_icc',
  'com.docker.network.bridge.enable_ip_masquerade',
  'com.docker.network.bridge.host_binding_ipv4',
  EGRESS_KEY,
]

/** Changes a network in place: containers on it stay connected, and follow. All of it or nothing. */
export async function updateNetwork(ctx: Context, reference: string, change: NetworkChange): Promise<NetworkRecord> {
  const network = ctx.registry.resolve(reference)
  const driver = ctx.drivers.get(network.driver)!
  const next = changed(network, change)
  if (Object.keys(change.options).length > 0) {
    if (!driver.refresh)
      throw invalid(`network ${network.name} has driver ${network.driver}, whose options cannot change`)
    checkNetworkPolicy(driver.name, next.options)
    driver.validate(next)
  }
  const [before, after] = [driver.elements(network), driver.elements(next)]
  const rollback = new Rollback((step, error) => ctx.log.warn('undo failed', { step, error: String(error) }))
  try {
    rollback.add('keep the network as it was', () => ctx.registry.put(network))
    ctx.registry.put(next)
    rollback.add('keep its rules', () => ctx.filter.change(after, before))
    await ctx.filter.change(before, after)
    if (Object.keys(change.options).length > 0) {
      rollback.add('keep its interfaces', () => apply(ctx, network))
      await apply(ctx, next)
    }
  } catch (error) {
    await rollback.run()
    throw error
  }
  networkEvent(ctx, 'update', next)
  return next
}

async function apply(ctx: Context, network: StoredNetwork): Promise<void> {
  ctx.registry.put(network)
  await ctx.drivers.get(network.driver)!.up(network)
  for (const sandbox of ctx.live.values()) {
    if (!sandbox.ready || !sandbox.endpoints.has(network.id)) continue
    await refreshEndpoints(ctx, sandbox, network.id)
    await enforce(ctx, sandbox)
  }
}

function changed(network: StoredNetwork, { labels, removeLabels, options }: NetworkChange): StoredNetwork {
  if (network.builtin) throw forbidden(`${network.name} is a pre-defined network and cannot be updated`)
  for (const key of Object.keys(options)) {
    if (CHANGEABLE.includes(key)) continue
    throw invalid(
      `option ${key} of network ${network.name} cannot change while the network exists (these can: ${CHANGEABLE.join(', ')}): make another network`,
    )
  }
  for (const key of Object.keys(labels)) if (key === '') throw invalid('invalid label: empty name')
  for (const key of removeLabels) {
    if (!(key in network.labels)) throw invalid(`network ${network.name} has no label ${key}`)
  }
  const kept = Object.entries(network.labels).filter(([key]) => !removeLabels.includes(key))
  // An empty value gives the option back to its default.
  const set = Object.entries({ ...network.options, ...options }).filter(
    ([key, value]) => !(key in options) || value !== '',
  )
  return { ...network, labels: { ...Object.fromEntries(kept), ...labels }, options: Object.fromEntries(set) }
}
