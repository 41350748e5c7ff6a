import { decodeAddress } from '#codec/netlink/address.ts'
import { decodeLink } from '#codec/netlink/link.ts'
import { type NetlinkMessage, decodeMessages } from '#codec/netlink/message.ts'
import { decodeRoute } from '#codec/netlink/route.ts'
import type { HostSubnet } from '#ports/links.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { type Rtnl, listAddresses, listLinks, listRoutes } from '#kernel/netlink/rtnl.ts'

const NETLINK_ROUTE = 0
const SO_RCVBUFFORCE = 33
const [LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE] = [0x1, 0x10, 0x40, 0x100, 0x400]
const [NEWLINK, DELLINK, NEWADDR, DELADDR, NEWROUTE, DELROUTE] = [16, 17, 20, 21, 24, 25]

/** What one link brings to the host: by text, its subnet. */
interface Held {
  name: string
  addresses: Map<string, string>
  routes: Map<string, string>
}

/**
 * Every subnet that the host has an address or a route of, kept up to date by rtnetlink(7)'s own notifications: they wait in
 * a socket until somebody asks. Reading the tables anew takes 30 ms when there are 500 networks.
 */
export class HostSubnets {
  readonly #rtnl: Rtnl
  readonly #links = new Map<number, Held>()
  readonly #buffer = Buffer.allocUnsafe(64 * 1024)
  #fd: number | undefined

  constructor(rtnl: Rtnl) {
    this.#rtnl = rtnl
  }

  async list(except: ReadonlySet<string> = new Set()): Promise<HostSubnet[]> {
    if (!this.#catchUp()) await this.#readAll()
    const wanted = [...this.#links.values()].filter(({ name }) => !except.has(name))
    return wanted.flatMap(({ name, addresses, routes }) => [
      ...Array.from(routes.values(), subnet => ({ subnet, device: name, what: 'route' as const })),
      ...Array.from(addresses.values(), subnet => ({ subnet, device: name, what: 'address' as const })),
    ])
  }

  close(): void {
    if (this.#fd !== undefined) libc.close(this.#fd)
    this.#fd = undefined
  }

  /** @returns false when notifications were lost, or never asked for */
  #catchUp(): boolean {
    if (this.#fd === undefined) return false
    try {
      for (;;) {
        const length = libc.recv(this.#fd, this.#buffer, libc.MSG_DONTWAIT)
        for (const message of decodeMessages(this.#buffer.subarray(0, length))) this.#apply(message)
      }
    } catch (error) {
      if (hasErrno(error, 'EAGAIN')) return true
      // ENOBUFS: more happened than the socket holds.
      this.close()
      return false
    }
  }

  async #readAll(): Promise<void> {
    this.#fd ??= subscribed()
    const { host } = this.#rtnl
    const [links, addresses, ...routes] = await Promise.all([
      listLinks(host, { stats: false }),
      listAddresses(host),
      listRoutes(host, 4),
      listRoutes(host, 6),
    ])
    this.#links.clear()
    for (const { index, name } of links) this.#held(index).name = name
    for (const { link, address } of addresses) this.#held(link).addresses.set(address, address)
    for (const route of routes.flat()) this.#held(route.link).routes.set(routeKey(route), route.destination)
    this.#catchUp()
  }

  #apply({ type, payload }: NetlinkMessage): void {
    switch (type) {
      case NEWLINK: {
        // Bridges tell of their ports too (AF_BRIDGE), without a word on what interests here.
        if (payload[0] !== 0) return
        const { index, name, up } = decodeLink(payload)
        const held = this.#held(index)
        held.name = name
        // IPv4 routes of a link that goes down end without a notification.
        if (!up) for (const [key, subnet] of held.routes) if (!subnet.includes(':')) held.routes.delete(key)
        return
      }
      case DELLINK:
        if (payload[0] === 0) this.#links.delete(decodeLink(payload).index)
        return
      case NEWADDR:
      case DELADDR: {
        const { link, address } = decodeAddress(payload)
        if (type === NEWADDR) this.#held(link).addresses.set(address, address)
        else this.#links.get(link)?.addresses.delete(address)
        return
      }
      case NEWROUTE:
      case DELROUTE: {
        const route = decodeRoute(payload)
        if (!route) return
        if (type === NEWROUTE) this.#held(route.link).routes.set(routeKey(route), route.destination)
        else this.#links.get(route.link)?.routes.delete(routeKey(route))
      }
    }
  }

  #held(index: number): Held {
    let held = this.#links.get(index)
    if (!held) this.#links.set(index, (held = { name: '', addresses: new Map(), routes: new Map() }))
    return held
  }
}

const routeKey = ({
  destination,
  gateway,
  metric,
}: {
  destination: string
  gateway: string | undefined
  metric: number
}) => `${destination} ${gateway ?? ''} ${metric}`

function subscribed(): number {
  const fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW | libc.SOCK_NONBLOCK, NETLINK_ROUTE)
  libc.setsockopt(fd, libc.SOL_SOCKET, SO_RCVBUFFORCE, 2 << 20)
  const address = Buffer.alloc(12) // struct sockaddr_nl
  address.writeUInt16LE(libc.AF_NETLINK, 0)
  address.writeUInt32LE(LINK! | IPV4_IFADDR! | IPV4_ROUTE! | IPV6_IFADDR! | IPV6_ROUTE!, 8)
  libc.bind(fd, address)
  return fd
}
