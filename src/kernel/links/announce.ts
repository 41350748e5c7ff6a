import { announceFrame } from '#codec/netlink/announce.ts'
import * as libc from '#kernel/ffi/libc.ts'
import type { Lane } from '#kernel/netlink/lane.ts'
import { type Rtnl, indexOf } from '#kernel/netlink/rtnl.ts'

/** Sends one gratuitous ARP or unsolicited neighbour advertisement out of a sandbox's link. */
export async function announce(
  rtnl: Rtnl,
  closings: Lane,
  sandbox: string,
  device: string,
  address: string,
  mac: string,
): Promise<void> {
  const frame = announceFrame(address, mac)
  const link = await rtnl.within(sandbox, async socket => indexOf(socket, device))
  // Protocol 0: it receives nothing.
  const fd = rtnl.namespaces.enter(sandbox, () => libc.socket(libc.AF_PACKET, libc.SOCK_RAW, 0))
  try {
    const linkLayer = Buffer.alloc(20) // struct sockaddr_ll
    linkLayer.writeUInt16LE(libc.AF_PACKET, 0)
    linkLayer.writeInt32LE(link, 4)
    libc.bind(fd, linkLayer)
    libc.send(fd, frame, libc.MSG_DONTWAIT)
  } finally {
    void closings.run(() => libc.closeAsync(fd))
  }
}
