import { invalid } from '#lib/errors.ts'
import type { IdMap, IdRange } from '#ports/mounts.ts'

/** Ids are 32 bits; the last one means "none". */
const ALL = 0xffff_ffff

/**
 * `-v SRC:DST:idmap`: what belongs to the source's owner shows as the container's user's, and what the container's user
 * makes becomes the owner's on the host. `idmap=uids=FROM-TO-LENGTH[#…];gids=…` says it in full: ids FROM, FROM+1, … of the
 * files show as TO, TO+1, …, all others as nobody's.
 *
 * @param text what follows `idmap=`; '' for the plain form
 * @throws invalid naming the part
 */
export function parseIdMap(
  text: string,
  owner: { uid: number; gid: number },
  user: { uid: number; gid: number },
): IdMap {
  if (text === '') return { uids: swapped(owner.uid, user.uid), gids: swapped(owner.gid, user.gid) }
  const { uids, gids } = explicit(text)
  return { uids, gids: gids ?? uids }
}

/** @throws invalid naming the part */
export function checkIdMap(text: string): void {
  if (text !== '') explicit(text)
}

function explicit(text: string): { uids: IdRange[]; gids: IdRange[] | undefined } {
  const found: { uids?: IdRange[]; gids?: IdRange[] } = {}
  for (const part of text.split(';')) {
    const [, key, ranges] = /^(uids|gids)=(.+)$/.exec(part) ?? []
    if ((key !== 'uids' && key !== 'gids') || found[key])
      throw invalid(`invalid idmap ${JSON.stringify(part)}: write uids=FROM-TO-LENGTH;gids=FROM-TO-LENGTH`)
    found[key] = ranges!.split('#').map(range => parseRange(range))
  }
  if (!found.uids) throw invalid(`invalid idmap ${JSON.stringify(text)}: uids= is missing`)
  for (const ranges of [found.uids, found.gids ?? []]) checkApart(ranges, text)
  return { uids: found.uids, gids: found.gids }
}

function parseRange(text: string): IdRange {
  const [, from, to, length] = (/^(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(text) ?? []).map(Number)
  if (from === undefined || to === undefined || !length || from + length > ALL || to + length > ALL)
    throw invalid(`invalid idmap range ${JSON.stringify(text)}: write FROM-TO-LENGTH`)
  return { from, to, length }
}

/** The kernel says no more than "invalid argument" to ranges that overlap. */
function checkApart(ranges: readonly IdRange[], text: string): void {
  for (const side of ['from', 'to'] as const) {
    const sorted = ranges.toSorted((a, b) => a[side] - b[side])
    const overlap = sorted.some((range, i) => i > 0 && sorted[i - 1]![side] + sorted[i - 1]!.length > range[side])
    if (overlap) throw invalid(`invalid idmap ${JSON.stringify(text)}: its ranges overlap`)
  }
}

/** Two ids change places, all others stay. */
function swapped(a: number, b: number): IdRange[] {
  if (a === b) return [{ from: 0, to: 0, length: ALL }]
  const [low, high] = a < b ? [a, b] : [b, a]
  const ranges: IdRange[] = [
    { from: 0, to: 0, length: low },
    { from: low, to: high, length: 1 },
    { from: low + 1, to: low + 1, length: high - low - 1 },
    { from: high, to: low, length: 1 },
    { from: high + 1, to: high + 1, length: ALL - high - 1 },
  ]
  return ranges.filter(range => range.length > 0)
}
