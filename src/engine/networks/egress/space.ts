/**
 * What may be asked at one address, as ranges of one axis: the ports of TCP, those of UDP, then everything else as one
 * point. Sorted, disjoint, not touching.
 */
export type Space = readonly (readonly [low: number, high: number])[]

const UDP = 65_536
const OTHER = 2 * UDP

export const EVERYTHING: Space = [[0, OTHER]]

export function portSpace(protocol: '' | 'tcp' | 'udp', ports?: { low: number; high: number }): Space {
  if (!ports && protocol === '') return EVERYTHING
  const { low, high } = ports ?? { low: 0, high: UDP - 1 }
  return union([
    ...(protocol === 'udp' ? [] : [[low, high] as const]),
    ...(protocol === 'tcp' ? [] : [[UDP + low, UDP + high] as const]),
  ])
}

export function union(ranges: Space): Space {
  const all: [number, number][] = []
  for (const [low, high] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = all.at(-1)
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else all.push([low, high])
  }
  return all
}

export function intersection(a: Space, b: Space): Space {
  return a.flatMap(([low, high]) =>
    b.flatMap(([from, to]) => {
      const both = [Math.max(low, from), Math.min(high, to)] as const
      return both[0] <= both[1] ? [both] : []
    }),
  )
}

export function difference(a: Space, b: Space): Space {
  let left = a
  for (const [from, to] of b) {
    left = left.flatMap(([low, high]) => {
      if (to < low || from > high) return [[low, high] as const]
      return [...(low < from ? [[low, from - 1] as const] : []), ...(high > to ? [[to + 1, high] as const] : [])]
    })
  }
  return left
}

export const isEverything = (space: Space): boolean =>
  space.length === 1 && space[0]![0] === 0 && space[0]![1] === OTHER

/** Protocol and ports as nftables writes them; `port` when it is one protocol and one port. */
export interface Slice {
  protocol: string
  ports: string
  single: boolean
}

/** The space in pieces of one protocol each, or as one when it is all there is. */
export function slices(space: Space): Slice[] {
  if (isEverything(space)) return [{ protocol: '0-255', ports: '0-65535', single: false }]
  const cut = (low: number, high: number, protocol: string, base: number): Slice[] => {
    const [first, last] = [Math.max(low, base), Math.min(high, base + UDP - 1)]
    if (first > last) return []
    const single = first === last
    return [{ protocol, ports: single ? `${first - base}` : `${first - base}-${last - base}`, single }]
  }
  return space.flatMap(([low, high]) => [
    ...cut(low, high, 'tcp', 0),
    ...cut(low, high, 'udp', UDP),
    ...(high === OTHER
      ? ['0-5', '7-16', '18-255'].map(protocol => ({ protocol, ports: '0-65535', single: false }))
      : []),
  ])
}
