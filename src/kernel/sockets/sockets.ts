import { type DiagSocket, SOCKET_STATE, decodeSocket, dumpSockets } from '#codec/netlink/sock-diag.ts'
import type { Listener } from '#ports/inspector.ts'
import type { OpenPort, Sockets } from '#ports/sockets.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { Lane } from '#kernel/netlink/lane.ts'
import { NetlinkSocket } from '#kernel/netlink/socket.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'

const NETLINK_SOCK_DIAG = 4
const TCP = 6
const UDP = 17
const { established, synRecv, newSynRecv, finWait1, closeWait, lastAck, closing, close, listen } = SOCKET_STATE

type Wanted = readonly [protocol: number, states: readonly number[]]

/**
 * Sockets by sock_diag(7), which leaves out in the kernel what was not asked for: a busy server's namespace holds tens of
 * thousands in time-wait, which /proc/net/tcp would print.
 */
export class KernelSockets implements Sockets {
  readonly #namespaces: NetworkNamespaces
  readonly #lane = new Lane()

  constructor(namespaces: NetworkNamespaces) {
    this.#namespaces = namespaces
  }

  async open(sandbox: string): Promise<OpenPort[]> {
    const all = await this.listeners(sandbox)
    return all.map(({ protocol, port, address }) => ({ protocol, port, loopback: isLoopback(address) }))
  }

  /** Everything that takes connections or datagrams, in full. */
  async listeners(sandbox?: string): Promise<Listener[]> {
    const [tcp = [], udp = []] = await this.#list(sandbox, [
      [TCP, [listen]],
      [UDP, [close]],
    ])
    const listener = (protocol: 'tcp' | 'udp') => (socket: DiagSocket) => ({
      protocol,
      port: socket.localPort,
      address: socket.localAddress,
      v6only: socket.v6only,
      waiting: socket.receiveQueue,
      backlog: socket.sendQueue,
    })
    return [...tcp.map(listener('tcp')), ...udp.map(listener('udp'))]
  }

  async inbound(sandbox: string): Promise<number> {
    const unfinished = [established, synRecv, newSynRecv, finWait1, closeWait, lastAck, closing]
    const [listeners = [], connections = []] = await this.#list(sandbox, [
      [TCP, [listen]],
      [TCP, unfinished],
    ])
    const served = new Set(listeners.map(socket => socket.localPort))
    return connections.filter(socket => served.has(socket.localPort) && !isLoopback(socket.remoteAddress)).length
  }

  async #list(sandbox: string | undefined, wanted: readonly Wanted[]): Promise<DiagSocket[][]> {
    const socket = this.#namespaces.enter(sandbox, () => new NetlinkSocket(NETLINK_SOCK_DIAG, this.#lane))
    try {
      const lists: DiagSocket[][] = []
      for (const [protocol, states] of wanted) {
        const found: DiagSocket[] = []
        for (const family of [4, 6] as const) {
          try {
            const messages = await socket.dump(dumpSockets(family, protocol, states))
            found.push(...messages.map(message => decodeSocket(message.payload)))
          } catch (error) {
            // A kernel without the protocol's diag module, or without IPv6.
            if (!hasErrno(error, 'ENOENT', 'EINVAL', 'EOPNOTSUPP')) throw error
          }
        }
        lists.push(found)
      }
      return lists
    } finally {
      socket.close()
    }
  }
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
