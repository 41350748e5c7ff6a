import type { FlowFilter } from '#ports/firewall.ts'
import type { Context } from '../context.ts'
import type { Member } from './state.ts'

/**
 * Drops the tracked flows that lead to a replica, on the host for its published ports and at every client of its group's
 * addresses: the next packet of a flow goes to a replica that serves. Past errors: a client may be gone.
 */
export async function forgetReplica(ctx: Context, member: Member, protocol?: FlowFilter['protocol']): Promise<void> {
  const { sandbox, group } = member
  const forget = (target: string, path?: string) =>
    ctx.firewall.forgetFlows({ target, ...(protocol ? { protocol } : {}) }, path).catch((error: unknown) => {
      ctx.log.debug('flows not forgotten', { target, sandbox: path, error: String(error) })
    })
  const steps: Promise<void>[] = []
  for (const [networkId, endpoint] of sandbox.endpoints) {
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address === '') continue
      if (sandbox.ports.length > 0) steps.push(forget(address))
      for (const client of group.vips.get(networkId)?.clients ?? []) steps.push(forget(address, client.path))
    }
  }
  await Promise.all(steps)
}
