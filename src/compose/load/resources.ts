import type { FileObject, Network, Volume } from '../project.ts'
import { boolean, isMap, list, object, string, stringMap, wrong, type Field, type Path } from './fields.ts'
import { egress } from './egress.ts'
import { hostPath } from './volumes.ts'

/** `external: true`, or the old `external: { name: … }`. */
const external: Field<{ external: boolean; name?: string }> = (value, path) => {
  if (isMap(value)) return { external: true, ...object<{ name: string }>({ name: string })(value, path) }
  return { external: boolean(value, path) }
}

type Raw<T> = Omit<T, 'external'> & { external: { external: boolean; name?: string } }

const network = object<Raw<Network>>({
  name: string,
  driver: string,
  driver_opts: stringMap,
  ipam: (value, path) => ({
    config: [],
    options: {},
    ...object<NonNullable<Network['ipam']>>({
      driver: string,
      config: list(
        object({ subnet: string, ip_range: string, gateway: string, aux_addresses: stringMap }) as Field<
          NonNullable<Network['ipam']>['config'][number]
        >,
      ),
      options: stringMap,
    })(value, path),
  }),
  external,
  internal: boolean,
  attachable: boolean,
  enable_ipv4: boolean,
  enable_ipv6: boolean,
  labels: stringMap,
  'x-berth-egress': egress,
})

const volume = object<Raw<Volume>>({
  name: string,
  driver: string,
  driver_opts: stringMap,
  external,
  labels: stringMap,
})

/** The engine's name of a network or volume: its own `name`, the key when external, else `<project>_<key>`. */
function named<T extends { name?: string; external?: { external: boolean; name?: string } }>(
  raw: T,
  key: string,
  project: string,
  path: Path,
): Omit<T, 'name' | 'external'> & { name: string; external: boolean } {
  const isExternal = raw.external?.external ?? false
  const extra = Object.keys(raw).filter(one => !['name', 'external', 'labels'].includes(one))
  if (isExternal && extra.length > 0) throw wrong(path, `is external, so ${extra.join(', ')} cannot be set on it`)
  if (raw.name && raw.external?.name && raw.name !== raw.external.name) {
    throw wrong(path, 'has a name and an external.name that differ: keep name')
  }
  const name = raw.name ?? raw.external?.name ?? (isExternal ? key : `${project}_${key}`)
  return { ...raw, name, external: isExternal }
}

export function readNetwork(value: unknown, key: string, project: string, path: Path): Network {
  const raw = value === null ? {} : network(value, path)
  return { driver_opts: {}, labels: {}, ...named(raw, key, project, path) }
}

export function readVolume(value: unknown, key: string, project: string, path: Path): Volume {
  const raw = value === null ? {} : volume(value, path)
  return { driver_opts: {}, labels: {}, ...named(raw, key, project, path) }
}

export function readFileObject(
  value: unknown,
  key: string,
  project: string,
  workingDir: string,
  lookup: (name: string) => string | undefined,
  path: Path,
): FileObject {
  const raw = object<Omit<FileObject, 'value'> & { labels: unknown; template_driver: unknown }>({
    name: string,
    file: string,
    environment: string,
    content: string,
    external: boolean,
    labels: stringMap,
    template_driver: string,
  })(value, path)
  const sources = [raw.file, raw.environment, raw.content].filter(one => one !== undefined)
  if (!raw.external && sources.length !== 1) throw wrong(path, 'needs exactly one of file, environment and content')
  return {
    name: raw.name ?? (raw.external ? key : `${project}_${key}`),
    external: raw.external ?? false,
    ...(raw.file === undefined ? {} : { file: hostPath(raw.file, workingDir) }),
    ...(raw.environment === undefined ? {} : { environment: raw.environment, value: lookup(raw.environment) }),
    ...(raw.content === undefined ? {} : { content: raw.content }),
  }
}
