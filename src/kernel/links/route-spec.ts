import { invalid } from '#lib/errors.ts'
import type { RouteSpec } from '#ports/links.ts'
import { parseCidr, parseIp } from '#codec/netlink/ip.ts'
import type { NewRoute } from '#codec/netlink/route.ts'

/**
 * Routes as the kernel wants them, those without a gateway first: the others' gateways may be reached over them.
 *
 * @param linkOf index of a route's device; undefined lets the kernel find it by the gateway
 * @throws invalid for an address that is none
 */
export function newRoutes(routes: readonly RouteSpec[], linkOf: (device?: string) => number | undefined): NewRoute[] {
  const parsed = routes.map(route => newRoute(route, linkOf(route.device)))
  return [...parsed.filter(route => !route.gateway), ...parsed.filter(route => route.gateway)]
}

function newRoute(route: RouteSpec, link: number | undefined): NewRoute {
  const gateway = route.gateway === undefined ? undefined : parseIp(route.gateway)
  const whole = route.destination === 'default' || route.destination === '0.0.0.0/0' || route.destination === '::/0'
  const destination = whole ? undefined : parseCidr(route.destination)
  const byText = route.destination === '::/0' ? 6 : 4
  const family = destination?.family ?? (gateway ? (gateway.length === 4 ? 4 : 6) : (route.family ?? byText))
  if (gateway && (gateway.length === 4 ? 4 : 6) !== family) {
    throw invalid(`route ${route.destination} and its gateway ${route.gateway} are of different address families`)
  }
  const scope = route.scope ?? (gateway ? 'global' : 'link')
  return { destination, family, link, gateway, scope, metric: route.metric }
}
