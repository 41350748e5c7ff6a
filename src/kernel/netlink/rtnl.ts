import { type AddressMessage, decodeAddress, dumpAddresses } from '#codec/netlink/address.ts'
import { type LinkMessage, changeLink, decodeLink, dumpLinks, getLink } from '#codec/netlink/link.ts'
import { type RouteMessage, decodeRoute, dumpRoutes } from '#codec/netlink/route.ts'
import { errnoError, hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import type { Lane } from './lane.ts'
import { NETLINK_ROUTE, NetlinkSocket } from './socket.ts'

const SIOCGIFINDEX = 0x8933
const ENODEV = 19
const NO_SUCH_INDEX = 0x7fff_fff0
export const IFNAME_MAX = 15

/** Route netlink of the daemon's namespace, and of a sandbox for as long as one piece of work takes. */
export class Rtnl {
  readonly namespaces: NetworkNamespaces
  /** The daemon's namespace. */
  readonly host: NetlinkSocket
  readonly #lane: Lane

  constructor(namespaces: NetworkNamespaces, lane: Lane) {
    this.namespaces = namespaces
    this.#lane = lane
    this.host = new NetlinkSocket(NETLINK_ROUTE, lane)
  }

  /** @param sandbox path or open fd of the namespace; undefined: the daemon's */
  async within<T>(sandbox: string | number | undefined, work: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    if (sandbox === undefined) return work(this.host)
    const socket = this.namespaces.enter(sandbox, () => new NetlinkSocket(NETLINK_ROUTE, this.#lane))
    try {
      return await work(socket)
    } finally {
      socket.close()
    }
  }

  /**
   * Runs `work` on the main thread at a moment when the kernel's RTNL lock was just free: for calls that take it
   * themselves, and would otherwise make the event loop wait for somebody's deletion (40 ms for 90 namespaces).
   */
  async whenFree<T>(work: () => T): Promise<T> {
    let result: { value: T } | undefined
    const nothing = changeLink(NO_SUCH_INDEX, {})
    const onDone = () => {
      result = { value: work() }
    }
    await this.host.request([nothing], { tolerated: ['ENODEV'], onDone })
    return result!.value
  }

  close(): void {
    this.host.close()
  }
}

/** Index of a link in the socket's namespace; takes no lock. @throws system ENODEV */
export function indexOf(socket: NetlinkSocket, name: string): number {
  const index = findIndex(socket, name)
  if (index === undefined) throw errnoError(`find link ${name}`, ENODEV)
  return index
}

export function findIndex(socket: NetlinkSocket, name: string): number | undefined {
  if (Buffer.byteLength(name) > IFNAME_MAX) return undefined
  const ifreq = Buffer.alloc(40)
  ifreq.write(name, 0)
  try {
    libc.ioctl(socket.fd, SIOCGIFINDEX, ifreq)
  } catch (error) {
    if (hasErrno(error, 'ENODEV')) return undefined
    throw error
  }
  return ifreq.readInt32LE(16)
}

export async function listLinks(socket: NetlinkSocket, options: { stats: boolean }): Promise<LinkMessage[]> {
  const messages = await socket.dump(dumpLinks(options))
  return messages.map(message => decodeLink(message.payload))
}

export async function findLink(socket: NetlinkSocket, name: string): Promise<LinkMessage | undefined> {
  const index = findIndex(socket, name)
  if (index === undefined) return undefined
  const [replies] = await socket.request([getLink(index)], { tolerated: ['ENODEV'] })
  const reply = replies?.[0]
  return reply && decodeLink(reply.payload)
}

export async function listAddresses(socket: NetlinkSocket): Promise<AddressMessage[]> {
  const messages = await socket.dump(dumpAddresses())
  return messages.map(message => decodeAddress(message.payload))
}

/** Unicast routes of the main table. */
export async function listRoutes(socket: NetlinkSocket, family: 4 | 6): Promise<RouteMessage[]> {
  const messages = await socket.dump(dumpRoutes(family))
  return messages.flatMap(message => decodeRoute(message.payload) ?? [])
}
