import { conflict } from '#lib/errors.ts'
import type { EndpointRequest } from '#model/config.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { Context } from './context.ts'
import { refreshEtcFiles } from './etc-files.ts'
import { ownerOf } from './owner.ts'
import { parseNetworkMode } from './spec/modes.ts'

/** `POST /networks/{id}/connect`. */
export function connect(
  ctx: Context,
  networkReference: string,
  reference: string,
  request: EndpointRequest,
): Promise<void> {
  const { id } = ctx.records.find(reference)
  return ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    refuseShared(record)
    const files = await ctx.networks.files(id)
    const endpoint = await ctx.networks.connect(ownerOf(record), networkReference, request, record.sandboxPath)
    ctx.records.update(id, {
      endpoints: { ...ctx.records.find(id).endpoints, [endpoint.networkName]: endpoint },
      publishedPorts: ctx.networks.publishedPorts(id),
    })
    await refreshEtcFiles(ctx, id, files)
  })
}

/** `POST /networks/{id}/disconnect`. With `force`, one that is not attached is no error. */
export function disconnect(ctx: Context, networkReference: string, reference: string, force: boolean): Promise<void> {
  const { id } = ctx.records.find(reference)
  return ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    refuseShared(record)
    const network = ctx.networks.get(networkReference)
    if (!(network.name in record.endpoints)) {
      if (force) return
      throw conflict(`container ${id} is not connected to network ${network.name}`)
    }
    const files = await ctx.networks.files(id)
    await ctx.networks.disconnect(id, networkReference)
    const { [network.name]: _gone, ...endpoints } = record.endpoints
    ctx.records.update(id, { endpoints, publishedPorts: ctx.networks.publishedPorts(id) })
    await refreshEtcFiles(ctx, id, files)
  })
}

function refuseShared(record: ContainerRecord): void {
  const mode = parseNetworkMode(record.hostConfig.NetworkMode)
  if (mode.kind === 'container') {
    throw conflict(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    )
  }
  if (mode.kind === 'host') {
    throw conflict('container cannot be disconnected from host network or connected to another network')
  }
}
