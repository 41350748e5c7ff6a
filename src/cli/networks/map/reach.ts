import type { MapContainer, MapModel, MapNetwork } from './model.ts'

/**
 * How one container reaches another, as far as lists tell: `network` by a network of both; `port` by ports that the
 * other publishes on the host; `no`; `down` while one of them does not run.
 */
export type Reach = 'self' | 'network' | 'port' | 'no' | 'down'

const APART = new Set(['macvlan', 'ipvlan'])

/** Containers that reach, and are reached, alike: drawn once. */
export interface ReachClass {
  label: string
  members: MapContainer[]
}

export class Reaches {
  readonly #networks: Map<string, MapNetwork>

  constructor(model: MapModel) {
    this.#networks = new Map(model.networks.map(one => [one.id, one]))
  }

  between(a: MapContainer, b: MapContainer): Reach {
    if (a === b) return 'self'
    if (!a.running || !b.running) return 'down'
    if (a.shares === b.name || b.shares === a.name || (a.shares !== '' && a.shares === b.shares)) return 'network'
    const mine = this.#of(a)
    const others = this.#of(b)
    // The host reaches its bridges, and containers reach the host by their gateway.
    if (isHost(mine)) return others.some(one => !APART.has(one.driver) && one.driver !== 'null') ? 'network' : 'no'
    if (isHost(others)) return mine.some(one => one.driver === 'bridge') ? 'network' : 'no'
    if (mine.some(one => one.icc && one.driver !== 'null' && others.includes(one))) return 'network'
    return b.publishes && mine.some(one => one.leadsOut) ? 'port' : 'no'
  }

  /** Whether its packets can leave the machine, rules of the host aside. */
  leaves(one: MapContainer): boolean {
    return one.running && this.#of(one).some(network => network.leadsOut)
  }

  /** Whether other machines come in. */
  entered(one: MapContainer): boolean {
    return one.running && (one.publishes || isHost(this.#of(one)))
  }

  #of(one: MapContainer): MapNetwork[] {
    return Object.keys(one.addresses).flatMap(id => this.#networks.get(id) ?? [])
  }
}

const isHost = (networks: readonly MapNetwork[]): boolean => networks.some(one => one.driver === 'host')

/** One class a container while there are few, else those of one service and one standing together. */
export function classesOf(model: MapModel, most: number): ReachClass[] {
  const { containers } = model
  if (containers.length <= most) return containers.map(one => ({ label: one.name, members: [one] }))
  const standing = (one: MapContainer) =>
    JSON.stringify([one.running, one.publishes, one.shares, Object.keys(one.addresses).sort()])
  const byService = grouped(containers, one => `${one.project}/${one.service}/${standing(one)}`)
  const groups = byService.length <= most ? byService : grouped(containers, standing)
  return groups.map(members => {
    const [first] = members as [MapContainer, ...MapContainer[]]
    const one = first.service !== '' && members.every(other => other.service === first.service)
    const name = one ? first.service : first.name
    const text = one ? `${name} ×${members.length}` : `${name} +${members.length - 1}`
    return { label: members.length > 1 ? text : first.name, members }
  })
}

/** @returns the best that any two different members have */
export function classReach(reaches: Reaches, from: ReachClass, to: ReachClass): Reach {
  const [a] = from.members as [MapContainer, ...MapContainer[]]
  const b = from === to ? to.members[1] : to.members[0]
  return b ? reaches.between(a, b) : 'self'
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const list = groups.get(key)
    if (list) list.push(item)
    else groups.set(key, [item])
  }
  return [...groups.values()]
}
