import type { MapContainer, MapGroup, MapModel, MapNetwork } from './model.ts'

/**
 * Networks are rails that run down from their own row; each container is a row with a dot on every rail that it is on.
 * Containers and networks that have nothing to do with each other are apart, and use the same lanes again.
 */
export interface MapRow {
  /** What stands on each lane of this row: a rail passes, begins, or has a dot. */
  lanes: ('none' | 'pass' | 'begin' | 'dot')[]
  network?: MapNetwork
  group?: MapGroup
  container?: MapContainer
}

export interface MapPart {
  rows: MapRow[]
  /** Lanes by network id. */
  lanes: ReadonlyMap<string, number>
}

export function layout(model: MapModel): MapPart[] {
  const parts = components(model)
  return parts.map(({ networks, containers }) => {
    const lanes = new Map(networks.map((network, lane) => [network.id, lane]))
    const last = new Map<string, number>()
    for (const [row, one] of containers.entries()) for (const id of Object.keys(one.addresses)) last.set(id, row)
    const rows: MapRow[] = networks.map((network, index) => ({
      network,
      lanes: networks.map((other, lane) =>
        lane === index ? 'begin' : lane < index && last.has(other.id) ? 'pass' : 'none',
      ),
    }))
    const announced = new Set<MapGroup>()
    for (const [row, container] of containers.entries()) {
      const on = (id: string, mine: boolean) => {
        const end = last.get(id)
        return end === undefined || end < row ? 'none' : mine ? 'dot' : 'pass'
      }
      const group = model.groups.find(one => one.project === container.project && one.service === container.service)
      if (group && !announced.has(group)) {
        announced.add(group)
        rows.push({ group, lanes: networks.map(({ id }) => on(id, false)) })
      }
      rows.push({ container, lanes: networks.map(({ id }) => on(id, id in container.addresses)) })
    }
    return { rows, lanes }
  })
}

/** All rows, with a gap (undefined) between parts; networks without containers stand together. */
export function rowsOf(parts: readonly MapPart[]): (MapRow | undefined)[] {
  return parts.flatMap((part, index) => {
    const together = index > 0 && part.rows.length === 1 && parts[index - 1]!.rows.length === 1
    return [...(index > 0 && !together ? [undefined] : []), ...part.rows]
  })
}

/** What hangs together, in the order of the model. */
function components(model: MapModel): { networks: MapNetwork[]; containers: MapContainer[] }[] {
  const parent = new Map<string, string>()
  const root = (id: string): string => {
    let at = id
    while (parent.get(at) !== at) at = parent.get(at)!
    parent.set(id, at)
    return at
  }
  for (const { id } of [...model.networks, ...model.containers]) parent.set(id, id)
  for (const one of model.containers) {
    for (const id of Object.keys(one.addresses)) if (parent.has(id)) parent.set(root(id), root(one.id))
  }
  const parts = new Map<string, { networks: MapNetwork[]; containers: MapContainer[] }>()
  const part = (id: string) => {
    const key = root(id)
    let found = parts.get(key)
    if (!found) parts.set(key, (found = { networks: [], containers: [] }))
    return found
  }
  for (const network of model.networks) part(network.id).networks.push(network)
  for (const container of model.containers) part(container.id).containers.push(container)
  // Networks that nobody is on come last.
  return [...parts.values()].sort((a, b) => Number(a.containers.length === 0) - Number(b.containers.length === 0))
}
