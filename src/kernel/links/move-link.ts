import type { LentSpec } from '#ports/links.ts'
import { parseCidr, parseMac } from '#codec/netlink/ip.ts'
import { changeLink, moveLink } from '#codec/netlink/link.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { type Rtnl, findLink, indexOf, listLinks } from '#kernel/netlink/rtnl.ts'
import { newRoutes } from './route-spec.ts'
import { checkLinkName, setUpInside } from './set-up-inside.ts'

const HERE = '/proc/thread-self/ns/net'

/** Moves somebody's link into a sandbox and makes an endpoint of it. */
export async function takeLink(rtnl: Rtnl, spec: LentSpec): Promise<string> {
  for (const name of [spec.hostName, spec.containerName]) checkLinkName(name)
  if (spec.mac !== undefined) parseMac(spec.mac)
  newRoutes(spec.routes, () => 0)
  const addresses = spec.addresses.map(parseCidr)
  const sandbox = libc.open(spec.sandbox, libc.O_RDONLY)
  try {
    const index = indexOf(rtnl.host, spec.hostName)
    await rtnl.host.request([changeLink(index, { up: false }), moveLink(index, sandbox, spec.containerName)])
    try {
      const { mac, mtu, alias } = spec
      await rtnl.within(sandbox, async socket => {
        await socket.request([changeLink(indexOf(socket, spec.containerName), { mac, mtu, alias })])
      })
      await setUpInside(rtnl, spec, sandbox, addresses)
      return await rtnl.within(sandbox, async socket => (await findLink(socket, spec.containerName))?.mac ?? '')
    } catch (error) {
      await returnLink(rtnl, sandbox, spec.alias, spec.hostName).catch(() => {})
      throw error
    }
  } finally {
    libc.close(sandbox)
  }
}

/** The way back. @param sandbox path or open fd */
export async function returnLink(rtnl: Rtnl, sandbox: string | number, alias: string, hostName: string): Promise<void> {
  const home = libc.open(HERE, libc.O_RDONLY)
  try {
    await rtnl.within(sandbox, async socket => {
      const link = (await listLinks(socket, { stats: false })).find(one => one.alias === alias)
      if (!link) return
      // Without the alias: what bears one of ours on the host is swept.
      await socket.request([changeLink(link.index, { up: false, alias: '' }), moveLink(link.index, home, hostName)])
    })
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EINVAL')) throw error
  } finally {
    libc.close(home)
  }
}
