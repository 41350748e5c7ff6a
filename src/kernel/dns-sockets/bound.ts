import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { decodeSocketAddress, encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'

/** The embedded DNS's address, as Docker's. */
export const ADDRESS = '127.0.0.11'
/** Above the ephemeral ports, so that no connection of the container's takes it by chance. */
export const USUAL_PORT = 61_053
const SO_REUSEADDR = 2

export interface BoundSockets {
  udp: number
  tcp: number
  udpPort: number
  tcpPort: number
}

/** UDP and TCP on the usual port, or on ones that the kernel chooses where the container has taken that. */
export function bindSockets(): BoundSockets {
  try {
    return bindAt(USUAL_PORT)
  } catch (error) {
    if (!hasErrno(error, 'EADDRINUSE')) throw error
    return bindAt(0)
  }
}

function bindAt(port: number): BoundSockets {
  const open: number[] = []
  try {
    const [udp, tcp] = [libc.SOCK_DGRAM, libc.SOCK_STREAM].map(type => {
      const fd = libc.socket(libc.AF_INET, type | libc.SOCK_NONBLOCK)
      open.push(fd)
      // For what a killed daemon's connections left in TIME_WAIT. On UDP it would let two sockets share the port.
      if (type === libc.SOCK_STREAM) libc.setsockopt(fd, libc.SOL_SOCKET, SO_REUSEADDR, 1)
      libc.bind(fd, encodeSocketAddress(ADDRESS, port))
      return { fd, port: decodeSocketAddress(libc.getsockname(fd)).port }
    })
    return { udp: udp!.fd, tcp: tcp!.fd, udpPort: udp!.port, tcpPort: tcp!.port }
  } catch (error) {
    for (const fd of open) libc.close(fd)
    throw error
  }
}
