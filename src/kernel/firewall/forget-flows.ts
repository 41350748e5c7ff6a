import { type Flow, type FlowTuple, decodeFlow, deleteFlow, dumpFlows } from '#codec/netlink/conntrack.ts'
import { formatIp, parseIp } from '#codec/netlink/ip.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { Lane } from '#kernel/netlink/lane.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '#kernel/netlink/socket.ts'

export interface FlowFilter {
  protocol?: 'tcp' | 'udp'
  address?: string
  hostPort?: number
}

const PROTOCOLS = { tcp: 6, udp: 17 }
/** Deletions in one datagram. */
const BATCH = 100

/**
 * Deletes the connection tracking entries of the daemon's namespace that fit every given part of the filter: protocol,
 * an address at either end of either direction, a port that the flow was first sent to. Does nothing without address and
 * port. A kernel without connection tracking has no entries.
 */
export async function forgetFlows(lane: Lane, filter: FlowFilter): Promise<void> {
  if (filter.address === undefined && filter.hostPort === undefined) return
  const wanted = matcher(filter)
  const families = filter.address === undefined ? ([4, 6] as const) : ([filter.address.includes(':') ? 6 : 4] as const)
  const socket = new NetlinkSocket(NETLINK_NETFILTER, lane)
  try {
    for (const family of families) {
      const messages = await socket.dump(dumpFlows(family))
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

export function matcher({ protocol, address, hostPort }: FlowFilter): (flow: Flow) => boolean {
  const ip = address === undefined ? undefined : formatIp(parseIp(address))
  const touches = (tuple: FlowTuple) => tuple.source === ip || tuple.destination === ip
  return ({ original, reply }) =>
    (protocol === undefined || original.protocol === PROTOCOLS[protocol]) &&
    (ip === undefined || touches(original) || touches(reply)) &&
    (hostPort === undefined || original.destinationPort === hostPort)
}
