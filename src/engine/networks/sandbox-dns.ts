import { prepareClient } from './balance/clients.ts'
import { projectOf } from './balance/group.ts'
import { announceGroup, ensureVip } from './balance/vip.ts'
import type { Context, LiveSandbox } from './context.ts'
import { answerer } from './dns/answer.ts'
import { Forwarder } from './dns/forwarder.ts'
import type { Zone } from './dns/zone.ts'
import { followed } from './egress/follow.ts'
import { inOrder } from './endpoint.ts'
import { contains, parseAddress } from './ipam/address.ts'
import { linkNames, parseLinks } from './links.ts'

/** Starts the resolver of a sandbox. */
export function listenDns(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  const { owner, path } = sandbox
  // The user's own servers may be reachable only from where the container is; the host's only from the host.
  const forwarder =
    owner.dns.length > 0 ? new Forwarder(ctx.dnsSockets, ctx.clock, () => owner.dns, path) : ctx.upstream
  const view = {
    zones: () => zonesOf(ctx, sandbox),
    project: projectOf(owner),
    links: sandbox.links,
    owns: (text: string) => {
      const address = parseAddress(text)
      return (
        address !== undefined &&
        [...sandbox.endpoints.keys()].some(id => ctx.ipam.pools(id).some(pool => contains(pool.subnet, address)))
      )
    },
    forward: followed(ctx, owner.id, (message, query, transport) => forwarder.forward(message, query, transport)),
    leadsOutside: () => [...sandbox.endpoints.keys()].some(id => ctx.registry.byId(id)?.internal === false),
    prepare: (groups: readonly string[]) => prepareClient(ctx, sandbox, groups),
    random: ctx.random,
  }
  return ctx.dnsSockets.listen(path, answerer(view))
}

function zonesOf(ctx: Context, sandbox: LiveSandbox): Zone[] {
  return inOrder(sandbox.endpoints.values()).flatMap(endpoint => ctx.zones.get(endpoint.networkId) ?? [])
}

/** Makes the sandbox's names known in one of its networks, or in all. */
export function announceNames(ctx: Context, sandbox: LiveSandbox, networkId?: string): void {
  const ids = networkId === undefined ? [...sandbox.endpoints.keys()] : [networkId]
  const member = ctx.balance.members.get(sandbox.owner.id)
  for (const id of ids) {
    if (member) {
      ensureVip(ctx, member, id)
      announceGroup(ctx, member.group, id)
      continue
    }
    const endpoint = sandbox.endpoints.get(id)
    if (!endpoint || endpoint.dnsNames.length === 0) continue
    ctx.zones.get(id)?.put({
      containerId: sandbox.owner.id,
      name: sandbox.owner.name,
      project: projectOf(sandbox.owner),
      names: endpoint.dnsNames,
      ipv4: endpoint.ipv4,
      ipv6: endpoint.ipv6,
      healthy: sandbox.healthy,
    })
  }
}

/** The container's own links, the legacy ones of its user-defined networks included. */
export function refreshLinks(ctx: Context, sandbox: LiveSandbox): void {
  sandbox.links.clear()
  const wanted = [
    ...sandbox.owner.links,
    ...[...sandbox.endpoints.values()].flatMap(endpoint => endpoint.request.Links ?? []),
  ]
  for (const [alias, name] of linkNames(ctx, parseLinks(wanted))) sandbox.links.set(alias, name)
}
