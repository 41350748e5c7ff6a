import { conflict, invalid, notFound } from '#lib/errors.ts'
import type { LinkInfo, Links } from '#ports/links.ts'
import type { ParentedKind } from './options.ts'

/** `eth0.50` is VLAN 50 of eth0. @returns undefined for a name that says no VLAN */
export function vlanOf(name: string): { parent: string; id: number } | undefined {
  const match = /^(.+)\.(\d{1,4})$/.exec(name)
  const id = Number(match?.[2])
  return match && id >= 1 && id <= 4094 ? { parent: match[1]!, id } : undefined
}

/** Finds the parent, or makes the VLAN sub-interface that it names. @throws when there is neither, or it is no parent */
export async function ensureParent(links: Links, name: string, kind: ParentedKind, alias: string): Promise<LinkInfo> {
  const found = await links.find(name)
  if (found) return checkFree(links, found, kind)
  const vlan = vlanOf(name)
  const base = vlan && (await links.find(vlan.parent))
  if (!vlan || !base) {
    const missing = vlan && !base ? ` (nor is ${vlan.parent})` : ''
    throw notFound(`parent interface ${name} was not found on the host${missing}: choose one that "ip link" shows`)
  }
  await links.ensureLink({ name, kind: { kind: 'vlan', id: vlan.id }, parent: base.name, addresses: [], alias })
  return (await links.find(name))!
}

/** @throws conflict for a link that hands what it receives to somebody else */
async function checkFree(links: Links, link: LinkInfo, kind: ParentedKind): Promise<LinkInfo> {
  if (link.kind === 'loopback') throw invalid(`loopback interface is not a valid ${kind} parent link`)
  if (link.master === 0) return link
  const master = (await links.list()).find(one => one.index === link.master)
  if (master?.kind !== 'bridge' && master?.kind !== 'bond' && master?.kind !== 'team') return link
  throw conflict(`parent interface ${link.name} is a port of ${master.kind} ${master.name}: use parent=${master.name}`)
}
