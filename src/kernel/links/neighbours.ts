import * as codec from '#codec/netlink/neighbour.ts'
import { indexOf } from '#kernel/netlink/rtnl.ts'
import type { NetlinkSocket } from '#kernel/netlink/socket.ts'
import type { Links, Neighbour } from '#ports/links.ts'

/** @param names of links by their index */
export async function listNeighbours(
  socket: NetlinkSocket,
  names: ReadonlyMap<number, string>,
  device?: string,
): Promise<Neighbour[]> {
  const only = device === undefined ? undefined : indexOf(socket, device)
  const messages = [...(await socket.dump(codec.dumpNeighbours(4))), ...(await socket.dump(codec.dumpNeighbours(6)))]
  return messages
    .flatMap(message => codec.decodeNeighbour(message.payload) ?? [])
    .filter(({ link }) => only === undefined || link === only)
    .map(({ link, address, mac, state }) => ({ device: names.get(link) ?? '', address, mac, state }))
}

export async function replaceNeighbour(
  socket: NetlinkSocket,
  neighbour: Parameters<Links['replaceNeighbour']>[0],
): Promise<void> {
  await socket.request([codec.replaceNeighbour(indexOf(socket, neighbour.device), neighbour)])
}

export async function deleteNeighbour(socket: NetlinkSocket, device: string, address: string): Promise<void> {
  await socket.request([codec.deleteNeighbour(indexOf(socket, device), address)], { tolerated: ['ENOENT'] })
}
