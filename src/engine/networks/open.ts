import { notFound, system } from '#lib/errors.ts'
import { Rollback } from '#lib/rollback.ts'
import type { EndpointRecord } from '#model/container.ts'
import { acquirePorts } from './acquire-ports.ts'
import { enterGroup, leaveGroup, refreshGroup } from './balance/members.ts'
import { publishShared } from './balance/shared-ports.ts'
import { closeSandbox } from './close.ts'
import type { Context, LiveSandbox, StoredNetwork } from './context.ts'
import { elementsOf, replan, unlimit } from './egress/enforce.ts'
import { defaultRoutes, deviceNames, fillEndpoint, inOrder } from './endpoint.ts'
import { networkEvent } from './events.ts'
import { sandboxFiles } from './files/sandbox-files.ts'
import { hostnameOf } from './files/hosts.ts'
import { forgetUdpFlows, plainPorts, portElements } from './publish.ts'
import { parseWishes } from './ports/wishes.ts'
import { checkTogether } from './plan.ts'
import { announceNames, listenDns, refreshLinks } from './sandbox-dns.ts'
import type { SandboxOwner, SandboxResult } from './service.ts'

/**
 * Everything a start needs of the network. Leases and ports are taken first (memory and store), then the kernel's part
 * runs side by side: namespace with its interfaces and resolver, and the packet filter.
 */
export async function openSandbox(
  ctx: Context,
  owner: SandboxOwner,
  planned: Readonly<Record<string, EndpointRecord>>,
): Promise<SandboxResult> {
  const wanted = inOrder(Object.values(planned)).map(endpoint => ({ network: networkOf(ctx, endpoint), endpoint }))
  checkTogether(wanted.map(one => one.network))
  if (ctx.live.has(owner.id)) await closeSandbox(ctx, owner.id)
  const rollback = new Rollback((step, error) => ctx.log.warn('undo failed', { step, error: String(error) }))
  const sandbox = emptySandbox(owner)
  try {
    ctx.live.set(owner.id, sandbox)
    rollback.add('forget the sandbox', () => ctx.live.get(owner.id) === sandbox && ctx.live.delete(owner.id))
    for (const { network, endpoint } of wanted) {
      // Visible to `network rm` before the first await.
      sandbox.endpoints.set(network.id, { ...endpoint, networkId: network.id })
    }
    for (const { network, endpoint } of wanted) {
      sandbox.endpoints.set(network.id, await fillEndpoint(ctx, network, owner, endpoint.request, rollback))
    }
    rollback.add('forget the egress policy', () => void unlimit(ctx, owner.id))
    replan(ctx, sandbox)
    const files = await sandboxFiles(ctx, sandbox)
    if (!wanted.some(one => one.network.driver === 'host')) {
      sandbox.embeddedDns = files.embeddedDns
      sandbox.ports = acquirePorts(ctx, sandbox, parseWishes(owner), rollback)
      rollback.add('leave the group', () => leaveGroup(ctx, sandbox))
      enterGroup(ctx, sandbox)
      await build(ctx, sandbox, rollback)
    }
    sandbox.ready = true
    if (owner.links.length > 0) ctx.linking.add(sandbox)
    announceNames(ctx, sandbox)
    await balanceNew(ctx, sandbox)
    for (const { network } of wanted) networkEvent(ctx, 'connect', network, owner.id)
    forgetUdpFlows(ctx, plainPorts(ctx, sandbox))
    return {
      sandboxPath: sandbox.path,
      endpoints: Object.fromEntries([...sandbox.endpoints.values()].map(one => [one.networkName, { ...one }])),
      publishedPorts: sandbox.ports.map(port => ({ ...port })),
      resolvConf: files.resolvConf,
      hosts: files.hosts,
      hostname: hostnameOf(owner),
    }
  } catch (error) {
    await rollback.run()
    throw error
  }
}

/** The network may have been removed and made again under its name since the container was created. */
function networkOf(ctx: Context, endpoint: EndpointRecord): StoredNetwork {
  const network = ctx.registry.byId(endpoint.networkId) ?? ctx.registry.byName(endpoint.networkName)
  if (!network) throw notFound(`network ${endpoint.networkName} not found`)
  return network
}

function emptySandbox(owner: SandboxOwner): LiveSandbox {
  return {
    owner,
    sandboxId: '',
    path: '',
    endpoints: new Map(),
    ports: [],
    embeddedDns: false,
    links: new Map(),
    healthy: true,
    ready: false,
  }
}

/** A replica among others: whoever uses their common address hears of it, and flows of the one before it are forgotten. */
async function balanceNew(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  const member = ctx.balance.members.get(sandbox.owner.id)
  if (!member) return
  await refreshGroup(ctx, member.group)
  if (member.group.members.size === 1) forgetUdpFlows(ctx, sandbox.ports)
}

/** The kernel's part. Every step is waited for, also past a failure, so that the undo does not race with one. */
async function build(ctx: Context, sandbox: LiveSandbox, rollback: Rollback): Promise<void> {
  const limited = ctx.egress.limited.get(sandbox.owner.id)
  const elements = [...portElements(ctx, sandbox), ...(limited ? elementsOf(limited) : [])]
  rollback.add('unpublish ports', () => ctx.filter.change(elements, []))
  const group = ctx.balance.members.get(sandbox.owner.id)?.group
  const steps = await Promise.allSettled([
    ctx.filter.change([], elements),
    group && publishShared(ctx, group),
    buildSandbox(ctx, sandbox, rollback),
  ])
  for (const step of steps) if (step.status === 'rejected') throw step.reason
}

async function buildSandbox(ctx: Context, sandbox: LiveSandbox, rollback: Rollback): Promise<void> {
  const { owner } = sandbox
  // A name of its own for each run: the namespace of the run before may still be on its way out.
  const id = `${owner.id.slice(0, 12)}-${ctx.randomHex(4)}`
  rollback.add('remove namespace', () => ctx.sandboxes.remove(id))
  sandbox.sandboxId = id
  sandbox.path = await ctx.sandboxes.create(id)
  const endpoints = inOrder(sandbox.endpoints.values())
  const publishes = sandbox.ports.length > 0
  const devices = deviceNames(endpoints)
  const steps = endpoints.map(async (endpoint, index) => {
    const network = ctx.registry.byId(endpoint.networkId)
    if (!network) throw system(`network ${endpoint.networkName} was removed while ${owner.name} was starting`)
    const driver = ctx.drivers.get(network.driver)!
    rollback.add('remove interface', () => driver.detach(network, endpoint))
    await driver.attach(network, {
      containerId: owner.id,
      endpoint,
      sandboxPath: sandbox.path,
      device: devices[index]!,
      routes: defaultRoutes(ctx, endpoints, endpoint),
      publishes,
    })
  })
  if (sandbox.embeddedDns) {
    refreshLinks(ctx, sandbox)
    rollback.add('stop the resolver', () => ctx.dnsSockets.close(sandbox.path))
    steps.push(listenDns(ctx, sandbox))
  }
  for (const step of await Promise.allSettled(steps)) if (step.status === 'rejected') throw step.reason
}
