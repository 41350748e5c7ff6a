import { connectRequest, disconnectRequest, networkCreateRequest, networkUpdateRequest } from '#wire/network-request.ts'
import type { NetworkCreateResponse, NetworksPruneResponse } from '#wire/index.ts'
import type { Needs } from '../needs.ts'
import { networkInspect } from '../render/network.ts'
import type { Route } from '../router.ts'

export function networkRoutes({ networks, containers }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/networks',
      handle(context) {
        const list = networks.list(context.query.filters())
        context.json(
          200,
          list.map(network => networkInspect(network)),
        )
      },
    },
    {
      method: 'POST',
      path: '/networks/create',
      async handle(context) {
        const { network, warning } = await networks.create(networkCreateRequest(await context.body()))
        const response: NetworkCreateResponse = { Id: network.id, Warning: warning }
        context.json(201, response)
      },
    },
    {
      method: 'POST',
      path: '/networks/prune',
      async handle(context) {
        const response: NetworksPruneResponse = { NetworksDeleted: await networks.prune(context.query.filters()) }
        context.json(200, response)
      },
    },
    {
      method: 'GET',
      path: '/berth/networks/egress',
      async handle(context) {
        context.json(200, await networks.egress(context.query.text('container') || undefined))
      },
    },
    {
      method: 'GET',
      path: '/networks/{id}',
      handle(context) {
        const network = networks.get(context.param('id'))
        const services = context.query.bool('verbose') ? networks.services(network.id) : []
        context.json(200, networkInspect(network, networks.attached(network.id), services))
      },
    },
    {
      method: 'DELETE',
      path: '/networks/{id}',
      async handle(context) {
        await networks.remove(context.param('id'))
        context.empty(204)
      },
    },
    {
      method: 'POST',
      path: '/berth/networks/{id}/update',
      async handle(context) {
        const network = await networks.update(context.param('id'), networkUpdateRequest(await context.body()))
        context.json(200, networkInspect(network, networks.attached(network.id)))
      },
    },
    {
      method: 'POST',
      path: '/networks/{id}/connect',
      async handle(context) {
        const reference = context.param('id')
        const { container, endpoint } = connectRequest(reference, await context.body())
        await containers.connect(reference, container, endpoint)
        context.empty(200)
      },
    },
    {
      method: 'POST',
      path: '/networks/{id}/disconnect',
      async handle(context) {
        const { container, force } = disconnectRequest(await context.body())
        await containers.disconnect(context.param('id'), container, force)
        context.empty(200)
      },
    },
  ]
}
