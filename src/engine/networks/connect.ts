import { conflict, forbidden, invalid } from '#lib/errors.ts'
import { Rollback } from '#lib/rollback.ts'
import type { EndpointRequest } from '#model/config.ts'
import type { EndpointRecord } from '#model/container.ts'
import { followWayOut } from './acquire-ports.ts'
import { joinNetwork, leaveNetwork } from './balance/members.ts'
import { detach } from './close.ts'
import type { Context, LiveSandbox, StoredNetwork } from './context.ts'
import { byDevice, defaultRoutes, detachedEndpoint, fillEndpoint } from './endpoint.ts'
import { enforce } from './egress/enforce.ts'
import { checkOwner } from './egress/policies.ts'
import { networkEvent } from './events.ts'
import { sandboxFiles } from './files/sandbox-files.ts'
import { networkNameOf } from './names.ts'
import { interfaceName } from './options.ts'
import { checkRequest, checkTogether, claimStatic } from './plan.ts'
import { portElements } from './publish.ts'
import { retarget } from './republish.ts'
import { announceNames, listenDns, refreshLinks } from './sandbox-dns.ts'
import type { SandboxOwner } from './service.ts'

export async function connect(
  ctx: Context,
  networkReference: string,
  owner: SandboxOwner,
  request: EndpointRequest,
): Promise<EndpointRecord> {
  const network = ctx.registry.resolve(networkNameOf(networkReference))
  const sandbox = ctx.live.get(owner.id)
  const joined = new Set([...(ctx.planned.get(owner.id) ?? []), ...(sandbox?.endpoints.keys() ?? [])])
  if (joined.has(network.id)) {
    throw forbidden(`endpoint with name ${owner.name} already exists in network ${network.name}`)
  }
  if (network.driver === 'host') {
    throw invalid('container cannot be disconnected from host network or connected to host network')
  }
  checkTogether([...[...joined].flatMap(id => ctx.registry.byId(id) ?? []), network])
  checkRequest(ctx, network, request)
  checkOwner(owner, [network])
  const endpoint = sandbox ? await attach(ctx, sandbox, network, request) : detachedEndpoint(network, owner, request)
  if (sandbox && request.MacAddress) ctx.macs.claim(network.id, request.MacAddress, owner.id)
  if (!sandbox) claimStatic(ctx, network, request, owner.id)
  const planned = ctx.planned.get(owner.id)
  if (planned) planned.add(network.id)
  else ctx.planned.set(owner.id, new Set([...joined, network.id]))
  return { ...endpoint }
}

async function attach(
  ctx: Context,
  sandbox: LiveSandbox,
  network: StoredNetwork,
  request: EndpointRequest,
): Promise<EndpointRecord> {
  const { owner, path } = sandbox
  if (!sandbox.ready) throw conflict(`container ${owner.name} is starting: connect it when it runs`)
  const rollback = new Rollback((step, error) => ctx.log.warn('undo failed', { step, error: String(error) }))
  const before = portElements(ctx, sandbox)
  try {
    rollback.add('forget the endpoint', () => sandbox.endpoints.delete(network.id))
    // Visible to `network rm` before the first await.
    sandbox.endpoints.set(network.id, detachedEndpoint(network, owner, request))
    const endpoint = await fillEndpoint(ctx, network, owner, request, rollback)
    sandbox.endpoints.set(network.id, endpoint)
    followWayOut(ctx, sandbox, rollback)
    // Before its interface is there.
    await enforce(ctx, sandbox)
    const driver = ctx.drivers.get(network.driver)!
    rollback.add('remove interface', () => driver.detach(network, endpoint, path))
    await driver.attach(network, {
      containerId: owner.id,
      endpoint,
      sandboxPath: path,
      device: await freeDevice(ctx, path, request),
      routes: [],
      publishes: sandbox.ports.length > 0,
    })
    // The network may have been changed meanwhile.
    const now = ctx.registry.byId(network.id)
    if (now && now !== network) await driver.refresh?.(now, endpoint, path, sandbox.ports.length > 0)
    const endpoints = [...sandbox.endpoints.values()]
    const routes = defaultRoutes(ctx, endpoints, endpoint)
    if (routes.length > 0) await ctx.links.replaceRoutes(path, await byDevice(ctx, path, endpoints, routes))
    await retarget(ctx, sandbox, before)
    refreshLinks(ctx, sandbox)
    if (!sandbox.embeddedDns && (await sandboxFiles(ctx, sandbox)).embeddedDns) {
      await listenDns(ctx, sandbox)
      sandbox.embeddedDns = true
    }
    announceNames(ctx, sandbox, network.id)
    await joinNetwork(ctx, sandbox)
    networkEvent(ctx, 'connect', network, owner.id)
    return endpoint
  } catch (error) {
    await rollback.run()
    await retarget(ctx, sandbox, before).catch(() => {})
    await enforce(ctx, sandbox).catch(() => {})
    throw error
  }
}

async function freeDevice(ctx: Context, path: string, request: EndpointRequest): Promise<string> {
  const names = new Set((await ctx.links.list(path)).map(link => link.name))
  const wished = interfaceName(request.DriverOpts)
  if (wished !== undefined) {
    if (names.has(wished)) throw conflict(`the container has an interface ${wished} already`)
    return wished
  }
  let index = 0
  while (names.has(`eth${index}`)) index++
  return `eth${index}`
}

/** From a running container, or from what a stopped one will have. @throws in Docker's words */
export async function disconnect(ctx: Context, containerId: string, networkReference: string): Promise<void> {
  const network = ctx.registry.resolve(networkNameOf(networkReference))
  if (network.driver === 'host') {
    throw invalid('container cannot be disconnected from host network or connected to host network')
  }
  const sandbox = ctx.live.get(containerId)
  const endpoint = sandbox?.endpoints.get(network.id)
  const planned = ctx.planned.get(containerId)
  if (!endpoint && !planned?.has(network.id)) {
    throw forbidden(`container ${containerId} is not connected to network ${network.name}`)
  }
  planned?.delete(network.id)
  if (sandbox && endpoint) {
    if (!sandbox.ready) throw conflict(`container ${sandbox.owner.name} is starting: disconnect it when it runs`)
    const before = portElements(ctx, sandbox)
    sandbox.endpoints.delete(network.id)
    ctx.zones.get(network.id)?.remove(containerId)
    await leaveNetwork(ctx, sandbox, network.id)
    // The new default route first: the kernel drops the old one with its interface.
    const rest = [...sandbox.endpoints.values()]
    const routes = await byDevice(ctx, sandbox.path, rest, defaultRoutes(ctx, rest))
    if (routes.length > 0) await ctx.links.replaceRoutes(sandbox.path, routes)
    await retarget(ctx, sandbox, before)
    followWayOut(ctx, sandbox)
    detach(ctx, containerId, endpoint, sandbox.path)
    await enforce(ctx, sandbox)
  }
  ctx.ipam.unclaim(containerId, network.id)
  ctx.macs.unclaim(containerId, network.id)
}
