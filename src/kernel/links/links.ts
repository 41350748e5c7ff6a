import type {
  BridgeSpec,
  ChildSpec,
  Forwarding,
  ForwardingInfo,
  HostSubnet,
  HostLinkSpec,
  LentSpec,
  LinkInfo,
  LinkStats,
  Links,
  Neighbour,
  RouteSpec,
  VethChange,
  VethSpec,
} from '#ports/links.ts'
import { HostSubnets } from './host-subnets.ts'
import { appendFdb, replaceFdb } from '#codec/netlink/fdb.ts'
import { changeLink } from '#codec/netlink/link.ts'
import type { LinkMessage } from '#codec/netlink/link.ts'
import { decodeLinkStats } from '#codec/netlink/link-stats.ts'
import { deleteRoute, replaceRoute } from '#codec/netlink/route.ts'
import { Lane } from '#kernel/netlink/lane.ts'
import { type Rtnl, findIndex, findLink, indexOf, listAddresses, listLinks, listRoutes } from '#kernel/netlink/rtnl.ts'
import { announce } from './announce.ts'
import { createChild, deleteChild, ensureLink, requireKind } from './create-link.ts'
import { createVeth } from './create-veth.ts'
import { LinkDeletions } from './deletions.ts'
import { ensureBridge } from './ensure-bridge.ts'
import { deleteForwarding, listForwardings, putForwarding } from './forwardings.ts'
import { returnLink, takeLink } from './move-link.ts'
import { deleteNeighbour, listNeighbours, replaceNeighbour } from './neighbours.ts'
import { newRoutes } from './route-spec.ts'
import { writeSysctl } from './sysctl.ts'

/** Links by route netlink. */
export class KernelLinks implements Links {
  readonly #rtnl: Rtnl
  readonly #deletions: LinkDeletions
  readonly #onError: (error: unknown) => void
  /** Deletions inside of sandboxes that are under way. */
  readonly #children = new Set<Promise<void>>()
  readonly #subnets: HostSubnets
  /** Releases of packet sockets, each of which waits for a grace period: one pool thread is enough for them. */
  readonly #closings = new Lane()

  /** @param onError hears of queued deletions that failed */
  constructor(rtnl: Rtnl, onError: (error: unknown) => void) {
    this.#rtnl = rtnl
    this.#subnets = new HostSubnets(rtnl)
    this.#onError = onError
    this.#deletions = new LinkDeletions(rtnl, onError)
  }

  list(sandbox?: string): Promise<LinkInfo[]> {
    return this.#rtnl.within(sandbox, async socket => (await listLinks(socket, { stats: false })).map(infoOf))
  }

  find(name: string, sandbox?: string): Promise<LinkInfo | undefined> {
    return this.#rtnl.within(sandbox, async socket => {
      const link = await findLink(socket, name)
      return link && infoOf(link)
    })
  }

  routes(
    family: 4 | 6,
    sandbox?: string,
  ): Promise<{ destination: string; device: string; gateway?: string; metric?: number }[]> {
    return this.#rtnl.within(sandbox, async socket => {
      const names = await namesByIndex(socket)
      const routes = await listRoutes(socket, family)
      return routes.map(({ destination, link, gateway, metric }) => {
        return { destination, device: names.get(link) ?? '', metric, ...(gateway !== undefined && { gateway }) }
      })
    })
  }

  addresses(sandbox?: string): Promise<{ device: string; address: string }[]> {
    return this.#rtnl.within(sandbox, async socket => {
      const names = await namesByIndex(socket)
      return (await listAddresses(socket)).map(({ link, address }) => ({ device: names.get(link) ?? '', address }))
    })
  }

  hostSubnets(except?: ReadonlySet<string>): Promise<HostSubnet[]> {
    return this.#subnets.list(except)
  }

  /** Lets go of what it listens to. */
  close(): void {
    this.#subnets.close()
  }

  async ensureBridge(spec: BridgeSpec): Promise<void> {
    await this.#deletions.before(spec.name)
    await ensureBridge(this.#rtnl, spec)
  }

  async createVeth(spec: VethSpec): Promise<void> {
    await this.#deletions.before(spec.hostName)
    await createVeth(this.#rtnl, spec)
  }

  requireKind(kind: 'macvlan' | 'ipvlan' | 'vlan'): Promise<void> {
    return requireKind(this.#rtnl, kind)
  }

  createChild(spec: ChildSpec): Promise<void> {
    return createChild(this.#rtnl, spec)
  }

  deleteChild(sandbox: string, alias: string): void {
    const work = deleteChild(this.#rtnl, sandbox, alias)
      .catch((error: unknown) => this.#onError(error))
      .finally(() => this.#children.delete(work))
    this.#children.add(work)
  }

  takeLink(spec: LentSpec): Promise<string> {
    return takeLink(this.#rtnl, spec)
  }

  returnLink(sandbox: string, alias: string, hostName: string): Promise<void> {
    return returnLink(this.#rtnl, sandbox, alias, hostName)
  }

  async ensureLink(spec: HostLinkSpec): Promise<void> {
    await this.#deletions.before(spec.name)
    await ensureLink(this.#rtnl, spec)
  }

  async changeVeth({ hostName, sandbox, mac, port, mtu }: VethChange): Promise<void> {
    const size = mtu === undefined ? [] : [{ mtu }]
    // Not there yet, or no more: its endpoint is just being made or taken away.
    await this.#rtnl.host.request(
      [changeLink(hostName, { port }), ...size.map(settings => changeLink(hostName, settings))],
      { tolerated: ['ENODEV'] },
    )
    if (size.length === 0) return
    await this.#rtnl.within(sandbox, async socket => {
      const inner = (await listLinks(socket, { stats: false })).find(link => link.mac === mac)
      if (inner) await socket.request(size.map(settings => changeLink(inner.index, settings)))
    })
  }

  async loopbackUp(sandbox: string): Promise<void> {
    await this.#rtnl.within(sandbox, socket => socket.request([changeLink('lo', { up: true })]))
  }

  async deleteRoutes(sandbox: string | undefined, routes: RouteSpec[]): Promise<void> {
    await this.#rtnl.within(sandbox, async socket => {
      const linkOf = (device?: string) => (device === undefined ? undefined : findIndex(socket, device))
      for (const route of newRoutes(routes, linkOf)) {
        await socket.request([deleteRoute(route)], { tolerated: ['ESRCH', 'ENODEV'] })
      }
    })
  }

  async replaceRoutes(sandbox: string | undefined, routes: RouteSpec[]): Promise<void> {
    await this.#rtnl.within(sandbox, async socket => {
      const linkOf = (device?: string) => (device === undefined ? undefined : indexOf(socket, device))
      await socket.request(newRoutes(routes, linkOf).map(replaceRoute))
    })
  }

  deleteLink(name: string): void {
    this.#deletions.queue(name)
  }

  async settled(): Promise<void> {
    await Promise.all([this.#deletions.settled(), ...this.#children])
  }

  stats(sandbox: string): Promise<Record<string, LinkStats>> {
    return this.#rtnl.within(sandbox, async socket => {
      const links = await listLinks(socket, { stats: true })
      const shown = links.filter(link => link.kind !== 'loopback')
      return Object.fromEntries(shown.map(link => [link.name, decodeLinkStats(link.stats)]))
    })
  }

  async setSysctl(key: string, value: string, sandbox?: string): Promise<boolean> {
    return this.#rtnl.whenFree(() => this.#rtnl.namespaces.enter(sandbox, () => writeSysctl(key, value)))
  }

  neighbours(device?: string, sandbox?: string): Promise<Neighbour[]> {
    return this.#rtnl.within(sandbox, async socket => listNeighbours(socket, await namesByIndex(socket), device))
  }

  replaceNeighbour(neighbour: Parameters<Links['replaceNeighbour']>[0], sandbox?: string): Promise<void> {
    return this.#rtnl.within(sandbox, socket => replaceNeighbour(socket, neighbour))
  }

  deleteNeighbour(device: string, address: string, sandbox?: string): Promise<void> {
    return this.#rtnl.within(sandbox, socket => deleteNeighbour(socket, device, address))
  }

  forwardings(device: string, sandbox?: string): Promise<ForwardingInfo[]> {
    return this.#rtnl.within(sandbox, async socket => listForwardings(socket, await namesByIndex(socket), device))
  }

  appendForwarding(entry: Forwarding, sandbox?: string): Promise<void> {
    return this.#rtnl.within(sandbox, socket => putForwarding(socket, entry, appendFdb))
  }

  replaceForwarding(entry: Forwarding, sandbox?: string): Promise<void> {
    return this.#rtnl.within(sandbox, socket => putForwarding(socket, entry, replaceFdb))
  }

  deleteForwarding(entry: Forwarding, sandbox?: string): Promise<void> {
    return this.#rtnl.within(sandbox, socket => deleteForwarding(socket, entry))
  }

  announce(sandbox: string, device: string, address: string, mac: string): Promise<void> {
    return announce(this.#rtnl, this.#closings, sandbox, device, address, mac)
  }
}

async function namesByIndex(socket: Parameters<typeof listLinks>[0]): Promise<Map<number, string>> {
  const links = await listLinks(socket, { stats: false })
  return new Map(links.map(link => [link.index, link.name]))
}

function infoOf(link: LinkMessage): LinkInfo {
  const { index, name, kind, mac, mtu, up, operState, master, alias } = link
  return { index, name, kind, mac, mtu, up, operState, master, alias }
}
