import { messageOf } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { forgetReplica } from './forget-replica.ts'
import { drainLimit } from './group.ts'
import { refreshGroup } from './members.ts'
import { serves, type Member } from './state.ts'

/** Milliseconds between looks at the connections of a replica that is to stop. */
const BETWEEN_LOOKS = 20

/**
 * A replica is about to be stopped: new connections go to the others, those that it has may end, for a while. Returns at
 * once for a container that has nobody to hand over to.
 * @param wait false: only the new ones are turned away
 */
export async function drain(ctx: Context, containerId: string, wait: boolean): Promise<void> {
  const member = ctx.balance.members.get(containerId)
  if (!member || !hasSuccessor(member)) return
  member.phase = 'draining'
  member.stop.abort()
  try {
    await refreshGroup(ctx, member.group)
    if (!wait) return
    await untilIdle(ctx, member)
    // A sender of datagrams never ends its flow.
    await forgetReplica(ctx, member, 'udp')
  } catch (error) {
    // It is to be stopped, whatever fails here.
    ctx.log.warn('a replica was not drained', { container: member.sandbox.owner.name, error: messageOf(error) })
  }
}

const hasSuccessor = (member: Member): boolean =>
  [...member.group.members.values()].some(other => other !== member && serves(other))

async function untilIdle(ctx: Context, member: Member): Promise<void> {
  const { owner, path } = member.sandbox
  const until = ctx.clock.now() + drainLimit(owner)
  // Twice: a connection that was on its way when the clients were told arrives between the looks.
  let idle = 0
  for (;;) {
    idle = (await ctx.sockets.inbound(path)) === 0 ? idle + 1 : 0
    if (idle === 2 || ctx.clock.now() >= until) return
    // Everybody stops: there is nobody left to spare.
    if (!hasSuccessor(member) || ctx.balance.members.get(owner.id) !== member) return
    await ctx.clock.sleep(BETWEEN_LOOKS)
  }
}
