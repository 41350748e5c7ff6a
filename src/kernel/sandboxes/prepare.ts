import { changeLink } from '#codec/netlink/link.ts'
import { encodeMessages } from '#codec/netlink/message.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { writeSysctlIfPresent } from '#kernel/links/sysctl.ts'

/**
 * What every container's network starts from, for any interface it will get: programs without capabilities may bind low
 * ports and ping (Docker's defaults), no router advertisement is believed, IPv6 addresses are usable at once, and an
 * interface that comes up tells its segment whose its addresses now are.
 */
const SYSCTLS: readonly (readonly [key: string, value: string])[] = [
  ['net.ipv4.ip_unprivileged_port_start', '0'],
  ['net.ipv4.ping_group_range', '0 2147483647'],
  ['net.ipv4.conf.default.arp_notify', '1'],
  ['net.ipv6.conf.default.ndisc_notify', '1'],
  ['net.ipv6.conf.all.accept_ra', '0'],
  ['net.ipv6.conf.default.accept_ra', '0'],
  ['net.ipv6.conf.default.accept_dad', '0'],
  ['net.ipv6.conf.default.autoconf', '0'],
]

/** Sets the calling thread's (fresh) network namespace up and returns a descriptor of it. */
export function prepareNamespace(): number {
  for (const [key, value] of SYSCTLS) writeSysctlIfPresent(key, value)
  const socket = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW, 0)
  try {
    libc.send(socket, encodeMessages([changeLink('lo', { up: true })], 1))
  } finally {
    libc.close(socket)
  }
  return libc.open('/proc/thread-self/ns/net', libc.O_RDONLY)
}
