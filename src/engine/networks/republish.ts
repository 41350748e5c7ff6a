import { conflict } from '#lib/errors.ts'
import { Rollback } from '#lib/rollback.ts'
import type { PublishedPort } from '#model/container.ts'
import { refreshGroup } from './balance/members.ts'
import { acquirePorts } from './acquire-ports.ts'
import type { Context, LiveSandbox } from './context.ts'
import { forgetUdpFlows, portElements } from './publish.ts'
import { parseWishes } from './ports/wishes.ts'
import type { Element } from './firewall/ruleset.ts'
import type { NetworksService, SandboxOwner } from './service.ts'

/** Takes new ports first, so that a conflict changes nothing; then one transaction for all. */
export async function republish(
  ctx: Context,
  owner: SandboxOwner,
  { add, remove }: Parameters<NetworksService['republish']>[1],
): Promise<PublishedPort[]> {
  const sandbox = ctx.live.get(owner.id)
  if (!sandbox?.ready) throw conflict(`container ${owner.name} is starting or stopping: publish when it runs`)
  const unwanted = parseWishes({ exposedPorts: [], portBindings: remove, publishAllPorts: false })
  const [kept, gone] = [[] as PublishedPort[], [] as PublishedPort[]]
  for (const port of sandbox.ports) {
    const goes = unwanted.some(
      ({ containerPort, protocol, hostIp, low, high }) =>
        containerPort === port.containerPort &&
        protocol === port.protocol &&
        (hostIp === '' || hostIp === port.hostIp) &&
        (low === 0 || (port.hostPort >= low && port.hostPort <= high)),
    )
    ;(goes ? gone : kept).push(port)
  }
  const before = { owner: sandbox.owner, ports: sandbox.ports }
  const elements = portElements(ctx, sandbox)
  const rollback = new Rollback((step, error) => ctx.log.warn('undo failed', { step, error: String(error) }))
  const group = ctx.balance.members.get(owner.id)?.group
  try {
    const wishes = parseWishes({ exposedPorts: [], portBindings: add, publishAllPorts: false })
    const added = acquirePorts(ctx, sandbox, wishes, rollback)
    rollback.add('keep the ports as they were', () => Object.assign(sandbox, before))
    Object.assign(sandbox, { owner, ports: [...kept, ...added] })
    await ctx.filter.change(elements, portElements(ctx, sandbox))
    if (group) await refreshGroup(ctx, group, gone)
    await refreshEndpoints(ctx, sandbox)
    ctx.portTable.give(owner.id, gone)
    forgetUdpFlows(ctx, [...gone, ...added])
    return sandbox.ports.map(port => ({ ...port }))
  } catch (error) {
    await rollback.run()
    if (group) await refreshGroup(ctx, group).catch(() => {})
    throw error
  }
}

/** Brings the interfaces of a sandbox, in one network or in all, to what they should be now. */
export async function refreshEndpoints(ctx: Context, sandbox: LiveSandbox, networkId?: string): Promise<void> {
  const { owner, endpoints, path, ports } = sandbox
  for (const endpoint of endpoints.values()) {
    if (networkId !== undefined && endpoint.networkId !== networkId) continue
    const network = ctx.registry.byId(endpoint.networkId)
    const driver = network && ctx.drivers.get(network.driver)
    try {
      await driver?.refresh?.(network!, endpoint, path, ports.length > 0)
    } catch (error) {
      // It was stopped or disconnected meanwhile, and its interface with it.
      const there = ctx.live.get(owner.id) === sandbox && endpoints.get(endpoint.networkId) === endpoint
      if (there) throw error
    }
  }
}

/** Moves the published ports when the endpoint that takes them has changed; one transaction. */
export async function retarget(ctx: Context, sandbox: LiveSandbox, before: readonly Element[]): Promise<void> {
  const member = ctx.balance.members.get(sandbox.owner.id)
  if (member) await refreshGroup(ctx, member.group)
  await ctx.filter.change(before, portElements(ctx, sandbox))
}
