import { invalid } from '#lib/errors.ts'
import type { RouteSpec } from '#ports/links.ts'
import { addAddress } from '#codec/netlink/address.ts'
import type { Cidr } from '#codec/netlink/ip.ts'
import { changeLink } from '#codec/netlink/link.ts'
import type { NetlinkRequest } from '#codec/netlink/message.ts'
import { replaceRoute } from '#codec/netlink/route.ts'
import { IFNAME_MAX, type Rtnl, indexOf } from '#kernel/netlink/rtnl.ts'
import { newRoutes } from './route-spec.ts'
import { writeSysctl, writeSysctlIfPresent } from './sysctl.ts'

/** What is done to a link once it is in its sandbox. */
export interface Inside {
  /** Name inside the sandbox. */
  containerName: string
  routes: RouteSpec[]
  sysctls?: Record<string, string>
}

/** @throws invalid */
export function checkLinkName(name: string): void {
  if (/^[^\s/:]+$/.test(name) && Buffer.byteLength(name) <= IFNAME_MAX) return
  throw invalid(`"${name}" is not an interface name: 1 to ${IFNAME_MAX} bytes without space, slash or colon`)
}

/** Addresses, state, routes and sysctls of a link that lies in the sandbox already. @param sandbox open fd of it */
export async function setUpInside(
  rtnl: Rtnl,
  spec: Inside,
  sandbox: number,
  addresses: Cidr[],
  options: { alias?: string } = {},
): Promise<void> {
  const hasV6 = addresses.some(address => address.family === 6)
  const sysctls = Object.entries(spec.sysctls ?? {})
  const writeAll = () => {
    if (hasV6) writeSysctlIfPresent(`net/ipv6/conf/${spec.containerName}/disable_ipv6`, '0')
    for (const [key, value] of sysctls) {
      writeSysctl(key.replaceAll('.', '/').replace('IFNAME', spec.containerName), value)
    }
  }
  if (hasV6 || sysctls.length > 0) await rtnl.whenFree(() => rtnl.namespaces.enter(sandbox, writeAll))
  await rtnl.within(sandbox, async socket => {
    const link = indexOf(socket, spec.containerName)
    const batch: NetlinkRequest[] = []
    if (options.alias !== undefined) batch.push(changeLink(link, { alias: options.alias }))
    // Flags are applied before the rest of a message: "no link-local address" has to come in an earlier one.
    if (!hasV6) batch.push(changeLink(link, { noLinkLocal: true }))
    // Addresses come first, so that coming up announces them (arp_notify).
    for (const address of addresses) batch.push(addAddress(link, address))
    batch.push(changeLink(link, { up: true }))
    const linkOf = (device?: string) => (device === undefined ? link : indexOf(socket, device))
    for (const route of newRoutes(spec.routes, linkOf)) batch.push(replaceRoute(route))
    await socket.request(batch)
  })
}
