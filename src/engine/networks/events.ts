import type { NetworkRecord } from '#model/network.ts'
import type { Context } from './context.ts'

type Action = 'create' | 'connect' | 'disconnect' | 'update' | 'destroy'

export function networkEvent(ctx: Context, action: Action, network: NetworkRecord, containerId?: string): void {
  ctx.publish({
    Type: 'network',
    Action: action,
    Actor: {
      ID: network.id,
      Attributes: {
        ...(containerId !== undefined && { container: containerId }),
        name: network.name,
        type: network.driver,
      },
    },
  })
}

export function pruneEvent(ctx: Context): void {
  ctx.publish({ Type: 'network', Action: 'prune', Actor: { ID: '', Attributes: { reclaimed: '0' } } })
}
