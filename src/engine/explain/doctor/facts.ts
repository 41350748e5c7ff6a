import { parseRuleset, type Ruleset } from '#engine/networks/index.ts'
import type { PublishedPort } from '#model/container.ts'
import type { Listener, RouteAnswer } from '#ports/inspector.ts'
import type { LinkInfo } from '#ports/links.ts'
import type { ExplainOptions } from '../context.ts'

type Route = Awaited<ReturnType<ExplainOptions['links']['routes']>>[number]

/** One address family of a network that has a bridge. */
export interface Subnet {
  family: 4 | 6
  cidr: string
  gateway: string
  /** An address of it that is not the host's. */
  inside: string
  /** Where the host would send a packet to `inside`. */
  way: RouteAnswer
}

export interface NetworkFacts {
  name: string
  bridge: string
  internal: boolean
  subnets: Subnet[]
  link: LinkInfo | undefined
}

/** Everything that the checks judge, read once. */
export interface Facts {
  /** This daemon's nftables table. */
  table: string
  ruleset: Ruleset
  legacy: string[]
  sysctl: (key: string) => string | undefined
  conntrack: { count: number; max: number } | undefined
  links: LinkInfo[]
  routes: Record<4 | 6, Route[]>
  addresses: { device: string; address: string }[]
  listeners: Listener[]
  networks: NetworkFacts[]
  published: { container: string; port: PublishedPort }[]
  /** Bridge behind which a container's address is. */
  bridges: ReadonlyMap<string, string>
}

export async function gather({ containers, networks, links, inspector, table }: ExplainOptions): Promise<Facts> {
  const [listing, all, v4, v6, addresses, listeners, views] = await Promise.all([
    inspector.ruleset(),
    links.list(),
    links.routes(4),
    links.routes(6),
    links.addresses(),
    inspector.listeners(),
    containers.list(new Map(), { all: false, limit: 0, size: false }),
  ])
  const bridged = networks.list(new Map()).filter(network => network.bridgeName !== '')
  const facts = bridged.map(async ({ name, bridgeName, internal, ipam }): Promise<NetworkFacts> => {
    const own = addresses.filter(one => one.device === bridgeName).map(one => one.address.split('/')[0]!)
    const subnets = ipam.Config.map(async ({ Subnet: cidr, Gateway: gateway = '' }): Promise<Subnet> => {
      const inside = nextTo(gateway || cidr.split('/')[0]!, own)
      return { family: cidr.includes(':') ? 6 : 4, cidr, gateway, inside, way: await inspector.routeTo(inside) }
    })
    const link = all.find(one => one.name === bridgeName)
    return { name, bridge: bridgeName, internal, link, subnets: await Promise.all(subnets) }
  })
  const bridgeOf = new Map(bridged.map(network => [network.id, network.bridgeName]))
  const endpoints = views.flatMap(({ record }) => Object.values(record.endpoints))
  return {
    bridges: new Map(
      endpoints.flatMap(({ networkId, ipv4, ipv6 }) =>
        [ipv4, ipv6].filter(Boolean).map(address => [address, bridgeOf.get(networkId) ?? ''] as const),
      ),
    ),
    table,
    ruleset: parseRuleset(listing),
    legacy: inspector.legacyTables(),
    sysctl: key => inspector.sysctl(key),
    conntrack: inspector.conntrack(),
    links: all,
    routes: { 4: v4, 6: v6 },
    addresses,
    listeners,
    networks: await Promise.all(facts),
    published: views.flatMap(({ record }) =>
      record.publishedPorts.map(port => ({ container: record.name.replace(/^\//, ''), port })),
    ),
  }
}

/** The address after, or before, this one that is not among `taken`; the last part counted only. */
function nextTo(address: string, taken: readonly string[]): string {
  const v6 = address.includes(':')
  const [, head = '', last = ''] = (v6 ? /^(.*:)([^:]*)$/ : /^(.*\.)([^.]*)$/).exec(address) ?? []
  const number = Number.parseInt(last || '0', v6 ? 16 : 10)
  const other = (step: number) => `${head}${(number + step).toString(v6 ? 16 : 10)}`
  return [other(1), other(2), other(-1)].find(one => !taken.includes(one)) ?? other(1)
}

/** Device by which the host reaches the world. */
export function outsideDevice({ routes }: Facts, family: 4 | 6): string | undefined {
  return routes[family].find(route => route.destination === 'default')?.device
}
