import { BerthError, conflict, notImplemented } from '#lib/errors.ts'
import type { ChildSpec, HostLinkSpec } from '#ports/links.ts'
import { addAddress, deleteAddress } from '#codec/netlink/address.ts'
import { parseCidr, parseMac } from '#codec/netlink/ip.ts'
import { changeLink, createVethPair, deleteLink } from '#codec/netlink/link.ts'
import { type LinkKind, createLink } from '#codec/netlink/link-kinds.ts'
import type { NetlinkRequest } from '#codec/netlink/message.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { type Rtnl, findIndex, findLink, indexOf, listAddresses, listLinks } from '#kernel/netlink/rtnl.ts'
import { newRoutes } from './route-spec.ts'
import { checkLinkName, setUpInside } from './set-up-inside.ts'

const CONFIGS = { macvlan: 'MACVLAN', ipvlan: 'IPVLAN', vlan: 'VLAN_8021Q', dummy: 'DUMMY' } as const

/**
 * Asks for a link of the kind without the link it should stand on: a kernel that has the kind misses that, another does
 * not know what is meant.
 */
export async function requireKind(rtnl: Rtnl, kind: 'macvlan' | 'ipvlan' | 'vlan'): Promise<void> {
  const probe = {
    macvlan: { kind, mode: 'bridge' },
    ipvlan: { kind, mode: 'l2', flag: 'bridge' },
    vlan: { kind, id: 1 },
  }
  try {
    await rtnl.host.request([createLink('berth-probe', probe[kind] as LinkKind, {})])
  } catch (error) {
    if (hasErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) throw missing(kind, error)
  }
}

/** Makes a macvlan or ipvlan straight in its sandbox, in full or not at all. */
export async function createChild(rtnl: Rtnl, spec: ChildSpec): Promise<void> {
  checkLinkName(spec.containerName)
  if (spec.mac !== undefined) parseMac(spec.mac)
  newRoutes(spec.routes, () => 0)
  const addresses = spec.addresses.map(parseCidr)
  const sandbox = libc.open(spec.sandbox, libc.O_RDONLY)
  try {
    const parent = indexOf(rtnl.host, spec.parent)
    const { kind, containerName, mac, mtu } = spec
    await create(rtnl, createLink(containerName, kind, { parent, namespaceFd: sandbox, mac, mtu }), kind.kind)
    try {
      await setUpInside(rtnl, spec, sandbox, addresses, { alias: spec.alias })
    } catch (error) {
      const gone = (name: string) => deleteLink(name)
      await rtnl
        .within(sandbox, socket => socket.request([gone(containerName)], { tolerated: ['ENODEV'] }))
        .catch(() => {})
      throw error
    }
  } finally {
    libc.close(sandbox)
  }
}

/** Makes a link of the daemon's namespace and brings it up, or brings the one there is to the spec. */
export async function ensureLink(rtnl: Rtnl, spec: HostLinkSpec): Promise<void> {
  checkLinkName(spec.name)
  const wanted = spec.addresses.map(parseCidr)
  const found = await findLink(rtnl.host, spec.name)
  if (found && found.alias !== spec.alias) {
    throw conflict(`link ${spec.name} exists and is somebody else's`, { details: { errno: 'EEXIST' } })
  }
  if (!found) await createOnHost(rtnl, spec)
  try {
    const link = indexOf(rtnl.host, spec.name)
    const present = (await listAddresses(rtnl.host)).filter(
      one => one.link === link && !one.address.startsWith('fe80:'),
    )
    const kept = new Set(spec.addresses)
    await rtnl.host.request([
      changeLink(link, { alias: spec.alias, noLinkLocal: true }),
      ...present.filter(one => !kept.has(one.address)).map(one => deleteAddress(link, parseCidr(one.address))),
      ...wanted.map(cidr => addAddress(link, cidr)),
      changeLink(link, { up: true }),
    ])
  } catch (error) {
    if (!found) await rtnl.host.request([deleteLink(spec.name)], { tolerated: ['ENODEV'] }).catch(() => {})
    throw error
  }
}

async function createOnHost(rtnl: Rtnl, spec: HostLinkSpec): Promise<void> {
  const parent = spec.parent === undefined ? undefined : indexOf(rtnl.host, spec.parent)
  try {
    await create(rtnl, createLink(spec.name, spec.kind, { parent, mac: spec.mac }), spec.kind.kind)
  } catch (error) {
    if (spec.kind.kind !== 'dummy' || !(error instanceof BerthError) || error.kind !== 'not-implemented') throw error
    // A veth whose other end nobody uses leads nowhere just as well.
    const peer = `${spec.name}-`.slice(-15)
    const fd = libc.open('/proc/thread-self/ns/net', libc.O_RDONLY)
    try {
      const mac = '02:00:00:00:00:01'
      await rtnl.host.request([createVethPair(spec.name, {}, { name: peer, mac, namespaceFd: fd })])
      await rtnl.host.request([changeLink(peer, { noLinkLocal: true }), changeLink(peer, { up: true })])
    } finally {
      libc.close(fd)
    }
  }
}

async function create(rtnl: Rtnl, request: NetlinkRequest, kind: keyof typeof CONFIGS): Promise<void> {
  try {
    await rtnl.host.request([request])
  } catch (error) {
    if (hasErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) throw missing(kind, error)
    throw error
  }
}

const missing = (kind: keyof typeof CONFIGS, cause: unknown) =>
  notImplemented(`the kernel has no ${kind}: load or build CONFIG_${CONFIGS[kind]}`, { cause })

/** Deletes a sandbox's link by its alias; it, or the sandbox, gone already is success. */
export async function deleteChild(rtnl: Rtnl, sandbox: string, alias: string): Promise<void> {
  try {
    await rtnl.within(sandbox, async socket => {
      const link = (await listLinks(socket, { stats: false })).find(one => one.alias === alias)
      if (link && findIndex(socket, link.name) === link.index) {
        await socket.request([deleteLink(link.index)], { tolerated: ['ENODEV'], priority: 'later' })
      }
    })
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EINVAL')) throw error
  }
}
