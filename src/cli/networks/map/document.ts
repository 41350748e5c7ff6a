import type { MapModel } from './model.ts'
import { Reaches } from './reach.ts'

/** The map for programs: as the model, with whom each container reaches by name. */
export function documentOf(model: MapModel): object {
  const reaches = new Reaches(model)
  const names = new Map(model.networks.map(one => [one.id, one.name]))
  return {
    networks: model.networks,
    containers: model.containers.map(({ addresses, ...one }) => ({
      ...one,
      networks: Object.fromEntries(Object.entries(addresses).map(([id, address]) => [names.get(id) ?? id, address])),
      leaves: reaches.leaves({ addresses, ...one }),
      entered: reaches.entered({ addresses, ...one }),
    })),
    groups: model.groups,
    reaches: Object.fromEntries(
      model.containers.map(from => [
        from.name,
        Object.fromEntries(
          model.containers.flatMap(to => {
            const how = reaches.between(from, to)
            return how === 'network' || how === 'port' ? [[to.name, how]] : []
          }),
        ),
      ]),
    ),
  }
}
