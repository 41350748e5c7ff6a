import { messageOf } from '#lib/errors.ts'
import type { PublishedPort } from '#model/container.ts'
import type { Context, LiveSandbox } from '../context.ts'
import { forgetClient, tellClients } from './clients.ts'
import { forgetReplica } from './forget-replica.ts'
import { membershipOf } from './group.ts'
import { AT_MOST, waitForListener } from './join.ts'
import { know } from './know.ts'
import { publishShared } from './shared-ports.ts'
import { serves, type Group, type Member } from './state.ts'
import { announceGroup } from './vip.ts'

/**
 * A container of a service begins to run. Alone it serves at once, as any container; beside others it gets nothing until
 * it is heard to listen.
 */
export function enterGroup(ctx: Context, sandbox: LiveSandbox, serving = false): Member | undefined {
  const { id } = sandbox.owner
  const group = know(ctx, sandbox.owner)
  const mode = membershipOf(sandbox.owner)?.mode
  if (!group || !mode) return undefined
  const phase = serving || group.members.size === 0 ? 'serving' : 'starting'
  const member: Member = { sandbox, group, mode, phase, since: 0, stop: new AbortController() }
  const [first, ...more] = group.members.values()
  if (first && more.length === 0 && !serving) reconsider(ctx, first)
  group.members.set(id, member)
  ctx.balance.members.set(id, member)
  return member
}

/** The first replica, which was not asked whether it listens, is no better than the second when both are new. */
function reconsider(ctx: Context, first: Member): void {
  const young = first.since === 0 || ctx.clock.now() - first.since < AT_MOST
  if (first.phase !== 'serving' || !first.sandbox.healthy || !young) return
  first.phase = 'starting'
  if (first.since > 0) awaitListener(ctx, first)
}

/** It runs no longer: nothing leads to it any more when this returns. */
export async function leaveGroup(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  const { id } = sandbox.owner
  forgetClient(ctx, id)
  const member = ctx.balance.members.get(id)
  if (member?.sandbox !== sandbox) return
  const { group } = member
  member.stop.abort()
  ctx.balance.members.delete(id)
  group.members.delete(id)
  for (const networkId of sandbox.endpoints.keys()) announceGroup(ctx, group, networkId)
  await refreshGroup(ctx, group, sandbox.ports)
  void forgetReplica(ctx, member)
}

/** A running replica got one more network. */
export async function joinNetwork(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  const member = ctx.balance.members.get(sandbox.owner.id)
  if (member) await refreshGroup(ctx, member.group)
}

/** A running container lost a network: as a replica in it, and as a client. */
export async function leaveNetwork(ctx: Context, sandbox: LiveSandbox, networkId: string): Promise<void> {
  forgetClient(ctx, sandbox.owner.id, networkId)
  const member = ctx.balance.members.get(sandbox.owner.id)
  if (!member) return
  announceGroup(ctx, member.group, networkId)
  await refreshGroup(ctx, member.group)
}

/** Its process runs now, or again. Who has a health check is not healthy yet and waits for that, the others for their listener. */
export function memberStarted(ctx: Context, containerId: string): void {
  const member = ctx.balance.members.get(containerId)
  if (!member) return
  member.since = ctx.clock.now()
  if (member.phase === 'draining') {
    member.phase = 'serving'
    inBackground(ctx, member.group)
  }
  if (member.phase !== 'starting') return
  if (!member.sandbox.healthy) member.phase = 'serving'
  else awaitListener(ctx, member)
}

function awaitListener(ctx: Context, member: Member): void {
  void waitForListener(ctx, member).then(listens => listens && serve(ctx, member))
}

/** What its health check says has changed. */
export function healthChanged(ctx: Context, member: Member): void {
  if (member.phase === 'starting' && member.sandbox.healthy) member.phase = 'serving'
  inBackground(ctx, member.group)
}

function serve(ctx: Context, member: Member): void {
  if (member.phase !== 'starting') return
  member.phase = 'serving'
  inBackground(ctx, member.group)
}

function inBackground(ctx: Context, group: Group): void {
  refreshGroup(ctx, group).catch((error: unknown) => {
    ctx.log.error('replicas of a service not balanced', { service: group.key, error: messageOf(error) })
  })
}

/** Brings names, clients and published ports to who serves now. @param left ports of a member that is gone */
export async function refreshGroup(ctx: Context, group: Group, left: readonly PublishedPort[] = []): Promise<void> {
  for (const member of group.members.values()) {
    const { owner, endpoints } = member.sandbox
    for (const id of endpoints.keys()) ctx.zones.get(id)?.setHealthy(owner.id, serves(member))
  }
  const steps = await Promise.allSettled([
    publishShared(ctx, group, left),
    ...[...group.vips.values()].map(vip => tellClients(ctx, vip)),
  ])
  for (const step of steps) if (step.status === 'rejected') throw step.reason
}
