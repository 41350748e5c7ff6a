import { type FdbEntry, decodeFdb, deleteFdb, dumpFdb } from '#codec/netlink/fdb.ts'
import type { NetlinkRequest } from '#codec/netlink/message.ts'
import { findLink, indexOf } from '#kernel/netlink/rtnl.ts'
import type { NetlinkSocket } from '#kernel/netlink/socket.ts'
import type { Forwarding, ForwardingInfo } from '#ports/links.ts'

/** @param names of links by their index */
export async function listForwardings(
  socket: NetlinkSocket,
  names: ReadonlyMap<number, string>,
  device: string,
): Promise<ForwardingInfo[]> {
  const link = indexOf(socket, device)
  const isBridge = (await findLink(socket, device))?.kind === 'bridge'
  const messages = await socket.dump(dumpFdb(isBridge ? { bridge: link } : { link }))
  return messages
    .flatMap(message => decodeFdb(message.payload) ?? [])
    .map(({ link, ...entry }) => ({ device: names.get(link) ?? '', ...entry }))
}

export async function putForwarding(
  socket: NetlinkSocket,
  { device, ...entry }: Forwarding,
  how: (link: number, entry: FdbEntry) => NetlinkRequest,
): Promise<void> {
  await socket.request([how(indexOf(socket, device), entry)])
}

export async function deleteForwarding(socket: NetlinkSocket, { device, ...entry }: Forwarding): Promise<void> {
  await socket.request([deleteFdb(indexOf(socket, device), entry)], { tolerated: ['ENOENT'] })
}
