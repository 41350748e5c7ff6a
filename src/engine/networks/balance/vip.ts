import { messageOf } from '#lib/errors.ts'
import type { Context, LiveSandbox } from '../context.ts'
import type { EndpointRecord } from '#model/container.ts'
import { forgetVip } from './clients.ts'
import { projectOf, sharedNames } from './group.ts'
import { leaseHolder, membersIn, serves, type Group, type Member, type Vip } from './state.ts'

/** Gives the group its address in a network, if that is how it is to be reached and it has none yet. */
export function ensureVip(ctx: Context, member: Member, networkId: string): void {
  const { group, mode } = member
  if (mode === 'dnsrr' || group.vips.has(networkId)) return
  const network = ctx.registry.byId(networkId)
  if (!network || network.builtin || network.remotePools || !ctx.drivers.get(network.driver)?.addressed) return
  if (mode === 'auto' && membersIn(group, networkId).length < 2) return
  const holder = leaseHolder(group.key)
  const addresses: Record<4 | 6, string> = { 4: '', 6: '' }
  try {
    for (const family of [4, 6] as const) {
      if (ctx.ipam.pool(networkId, family)) addresses[family] = ctx.ipam.allocate(networkId, family, holder)
    }
  } catch (error) {
    for (const address of Object.values(addresses)) if (address) ctx.ipam.release(networkId, address, holder)
    // Its replicas are reached by their own addresses then, in turns.
    ctx.log.warn('no address is left for a service', {
      service: group.key,
      network: network.name,
      error: messageOf(error),
    })
    return
  }
  addVip(ctx, group, networkId, addresses)
}

export function addVip(ctx: Context, group: Group, networkId: string, addresses: Record<4 | 6, string>): void {
  const vip: Vip = {
    key: `${networkId}/${group.key}`,
    networkId,
    group,
    ipv4: addresses[4],
    ipv6: addresses[6],
    clients: new Set(),
    names: [],
    told: '',
  }
  group.vips.set(networkId, vip)
  ctx.balance.vips.set(vip.key, vip)
}

/** The address is nobody's any more; its lease is the caller's to give back. */
export function dropVip(ctx: Context, vip: Vip): void {
  vip.group.vips.delete(vip.networkId)
  ctx.balance.vips.delete(vip.key)
  ctx.zones.get(vip.networkId)?.remove(vip.key)
  forgetVip(ctx, vip)
}

/** Makes the names of a group known in a network: its own address by the names that all replicas share. */
export function announceGroup(ctx: Context, group: Group, networkId: string): void {
  const zone = ctx.zones.get(networkId)
  if (!zone) return
  const members = membersIn(group, networkId)
  const vip = group.vips.get(networkId)
  if (vip) {
    vip.names = sharedNames(members.map(({ sandbox }) => namesOf(sandbox, sandbox.endpoints.get(networkId)!)))
    if (vip.names.length === 0) zone.remove(vip.key)
    else {
      const { key, ipv4, ipv6, names } = vip
      const project = projectOf(members[0]!.sandbox.owner)
      zone.put({ containerId: key, name: group.service, names, ipv4, ipv6, healthy: true, group: key, project })
    }
  }
  const taken = new Set(vip?.names)
  for (const member of members) {
    const { owner, endpoints } = member.sandbox
    const endpoint = endpoints.get(networkId)!
    if (endpoint.dnsNames.length === 0) continue
    const names = [...endpoint.dnsNames.filter(name => !taken.has(name)), `tasks.${group.service}`]
    const known = zone.member(owner.id)
    const { ipv4, ipv6 } = endpoint
    const same = known?.ipv4 === ipv4 && known.ipv6 === ipv6 && known.names.join() === names.join()
    if (same && known.name === owner.name) zone.setHealthy(owner.id, serves(member))
    else
      zone.put({
        containerId: owner.id,
        name: owner.name,
        names,
        ipv4,
        ipv6,
        healthy: serves(member),
        project: projectOf(owner),
      })
  }
}

function namesOf({ owner }: LiveSandbox, endpoint: EndpointRecord) {
  return {
    aliases: endpoint.dnsNames.length > 0 ? (endpoint.request.Aliases ?? []) : [],
    own: [owner.name, owner.id.slice(0, 12)],
  }
}
