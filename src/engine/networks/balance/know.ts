import type { Context } from '../context.ts'
import type { SandboxOwner } from '../service.ts'
import { membershipOf } from './group.ts'
import { leaseHolder, type Group } from './state.ts'
import { dropVip } from './vip.ts'

/** Notes that a container exists. @returns its group, if it has one */
export function know({ balance }: Context, owner: SandboxOwner): Group | undefined {
  const membership = membershipOf(owner)
  if (!membership) return undefined
  const { key, service } = membership
  let group = balance.groups.get(key)
  if (!group) {
    group = { key, service, known: new Set(), members: new Map(), vips: new Map() }
    balance.groups.set(key, group)
  }
  group.known.add(owner.id)
  balance.groupOf.set(owner.id, key)
  return group
}

/** The container is gone for good. With the last one of a group its addresses go. */
export function unknow(ctx: Context, containerId: string): void {
  const { balance } = ctx
  const key = balance.groupOf.get(containerId)
  const group = key === undefined ? undefined : balance.groups.get(key)
  balance.groupOf.delete(containerId)
  if (!group) return
  group.known.delete(containerId)
  if (group.known.size > 0) return
  for (const vip of [...group.vips.values()]) dropVip(ctx, vip)
  for (const lease of ctx.ipam.leasesOf(leaseHolder(group.key))) {
    ctx.ipam.release(lease.networkId, lease.address, lease.containerId)
  }
  balance.groups.delete(group.key)
}
