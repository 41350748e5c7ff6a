import { conflict } from '#lib/errors.ts'
import type { BridgeSpec } from '#ports/links.ts'
import { addAddress, deleteAddress } from '#codec/netlink/address.ts'
import { parseCidr } from '#codec/netlink/ip.ts'
import { changeLink, createBridge, deleteLink } from '#codec/netlink/link.ts'
import { type Rtnl, findLink, listAddresses } from '#kernel/netlink/rtnl.ts'
import { writeSysctlIfPresent } from './sysctl.ts'

/** Makes the bridge, or brings the one there is to the spec: settings, and exactly the spec's addresses. */
export async function ensureBridge(rtnl: Rtnl, spec: BridgeSpec): Promise<void> {
  const wanted = spec.addresses.map(parseCidr)
  const found = await findLink(rtnl.host, spec.name)
  if (found && found.kind !== 'bridge') {
    throw conflict(`link ${spec.name} exists and is a ${found.kind}, not a bridge`, { details: { errno: 'EEXIST' } })
  }
  if (!found) await rtnl.host.request([createBridge(spec.name, { mac: spec.mac, mtu: spec.mtu })])
  try {
    await configure(rtnl, spec, wanted)
  } catch (error) {
    if (!found) await rtnl.host.request([deleteLink(spec.name)], { tolerated: ['ENODEV'] }).catch(() => {})
    throw error
  }
}

async function configure(rtnl: Rtnl, spec: BridgeSpec, wanted: ReturnType<typeof parseCidr>[]): Promise<void> {
  const link = await findLink(rtnl.host, spec.name)
  if (!link) throw conflict(`bridge ${spec.name} was deleted by somebody else meanwhile`)
  const hasV6 = wanted.some(address => address.family === 6)
  await rtnl.whenFree(() => {
    const own = (key: string) => `net/ipv6/conf/${spec.name}/${key}`
    writeSysctlIfPresent(own('disable_ipv6'), hasV6 ? '0' : '1')
    // A container must not set the host's routes by router advertisements.
    writeSysctlIfPresent(own('accept_ra'), '0')
    writeSysctlIfPresent(own('accept_dad'), '0')
  })
  const present = (await listAddresses(rtnl.host)).filter(
    address => address.link === link.index && !address.address.startsWith('fe80:'),
  )
  const extra = present.filter(({ address }) => !wanted.some(cidr => sameCidr(cidr, parseCidr(address))))
  await rtnl.host.request([
    ...extra.map(({ address }) => deleteAddress(link.index, parseCidr(address))),
    // Set by hand, the MAC and the MTU no longer follow those of the ports.
    changeLink(link.index, { mac: spec.mac ?? link.mac, mtu: spec.mtu ?? link.mtu, alias: spec.alias }),
    ...wanted.map(cidr => addAddress(link.index, cidr)),
    changeLink(link.index, { up: true }),
  ])
}

function sameCidr(a: ReturnType<typeof parseCidr>, b: ReturnType<typeof parseCidr>): boolean {
  return a.prefix === b.prefix && Buffer.compare(a.bytes, b.bytes) === 0
}
