import type { Context } from '../context.ts'
import type { ServiceReplicas } from '../service.ts'
import { membersIn, serves } from './state.ts'

/** The services that have replicas in a network, for `network inspect --verbose`. */
export function servicesIn(ctx: Context, networkId: string): ServiceReplicas[] {
  return [...ctx.balance.groups.values()].flatMap(group => {
    const members = membersIn(group, networkId)
    if (members.length === 0) return []
    const vip = group.vips.get(networkId)
    return [
      {
        project: group.key.slice(0, -group.service.length - 1),
        service: group.service,
        vip: vip?.ipv4 || vip?.ipv6 || '',
        replicas: members.map(member => ({
          containerId: member.sandbox.owner.id,
          containerName: member.sandbox.owner.name,
          endpoint: { ...member.sandbox.endpoints.get(networkId)! },
          ports: member.sandbox.ports.map(port => ({ ...port })),
          state: serves(member) ? 'serving' : member.phase === 'serving' ? 'unhealthy' : member.phase,
        })),
      },
    ]
  })
}
