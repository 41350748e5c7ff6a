import { type Flow, type FlowTuple, decodeFlow, deleteFlow, dumpFlows } from '#codec/netlink/conntrack.ts'
import { formatIp, parseIp } from '#codec/netlink/ip.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { NetlinkSocket } from '#kernel/netlink/socket.ts'
import type { FlowFilter } from '#ports/firewall.ts'

const PROTOCOLS = { tcp: 6, udp: 17 }
/** Deletions in one datagram. */
const BATCH = 100

/**
 * Deletes the connection tracking entries of a namespace that fit every given part of the filter. Does nothing without
 * address, target and port. A kernel without connection tracking has no entries.
 *
 * @param open a socket of the namespace
 */
export async function forgetFlows(open: () => NetlinkSocket, filter: FlowFilter): Promise<void> {
  const { address, target, hostPort } = filter
  if (address === undefined && target === undefined && hostPort === undefined) return
  const wanted = matcher(filter)
  const one = target ?? address
  const families = one === undefined ? ([4, 6] as const) : ([one.includes(':') ? 6 : 4] as const)
  const socket = open()
  try {
    for (const family of families) {
      const messages = await socket.dump(dumpFlows(family, target))
      const doomed = messages.map(message => decodeFlow(message.payload)).filter(wanted)
      for (let at = 0; at < doomed.length; at += BATCH) {
        await socket.request(doomed.slice(at, at + BATCH).map(deleteFlow), { tolerated: ['ENOENT'] })
      }
    }
  } catch (error) {
    // EINVAL: nf_conntrack_netlink is not there.
    if (!hasErrno(error, 'EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT')) throw error
  } finally {
    socket.close()
  }
}

export function matcher({ protocol, address, hostPort, target }: FlowFilter): (flow: Flow) => boolean {
  const plain = (text: string | undefined) => (text === undefined ? undefined : formatIp(parseIp(text)))
  const ip = plain(address)
  const end = plain(target)
  const touches = (tuple: FlowTuple) => tuple.source === ip || tuple.destination === ip
  return ({ original, reply }) =>
    (protocol === undefined || original.protocol === PROTOCOLS[protocol]) &&
    (ip === undefined || touches(original) || touches(reply)) &&
    (end === undefined || reply.source === end) &&
    (hostPort === undefined || original.destinationPort === hostPort)
}
