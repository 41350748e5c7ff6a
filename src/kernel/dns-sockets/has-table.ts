import { NLMSG_ERROR, decodeAck, decodeMessages, encodeMessages } from '#codec/netlink/message.ts'
import { getTable } from '#codec/netlink/nf-table.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { NETLINK_NETFILTER } from '#kernel/netlink/socket.ts'

/**
 * Whether the calling thread's network namespace has the nftables table `ip NAME`. The kernel answers a lookup by name
 * without a lock, within send(2): 0.05 ms, where libnftables would read everything first.
 */
export function hasTable(name: string): boolean {
  const fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW, NETLINK_NETFILTER)
  try {
    libc.send(fd, encodeMessages([getTable(name)], 1))
    const buffer = Buffer.alloc(4096)
    const length = libc.recv(fd, buffer, libc.MSG_DONTWAIT)
    const [reply] = decodeMessages(buffer.subarray(0, length))
    // The table comes before the acknowledgement; without one the error is all there is.
    return reply !== undefined && (reply.type !== NLMSG_ERROR || decodeAck(reply).errno === 0)
  } finally {
    libc.close(fd)
  }
}
