import { invalid } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { statusOf } from '#model/container-state.ts'
import { matchLabels, type Filters } from '#model/filters.ts'

/** Filters that `GET /containers/json` knows. */
export const LIST_FILTERS = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'label!',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
] as const

const STATUSES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']
const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy']

/** What filters need to look up; undefined is "no such". */
export interface LookUps {
  find(reference: string): ContainerRecord | undefined
  imageId(reference: string): string | undefined
  ancestors(imageId: string): ReadonlySet<string>
  networkId(reference: string): string | undefined
}

type Predicate = (record: ContainerRecord) => boolean

/**
 * The condition that `filters` set: values of one key are alternatives, keys add up.
 * @param all newest first, for `since` and `before`
 * @throws invalid in Docker's words for a bad value or an unknown container
 */
export function listPredicate(filters: Filters, all: readonly ContainerRecord[], look: LookUps): Predicate {
  const tests: Predicate[] = []
  const any = (key: string, make: (value: string) => Predicate) => {
    const values = filters.get(key) ?? []
    if (values.length === 0) return
    const options = values.map(make)
    tests.push(record => options.some(option => option(record)))
  }
  any('id', value => record => record.id.startsWith(value))
  any('name', nameTest)
  any('status', statusTest)
  any('health', healthTest)
  any('exited', exitedTest)
  any('ancestor', value => {
    const wanted = look.imageId(value)
    return record => wanted !== undefined && look.ancestors(record.imageId).has(wanted)
  })
  any('before', value => bound(value, all, look, (index, at) => index > at))
  any('since', value => bound(value, all, look, (index, at) => index < at))
  any(
    'volume',
    value => record =>
      record.mounts.some(mount => mount.Name === value || mount.Destination === value || mount.Source === value),
  )
  any('network', value => {
    const id = look.networkId(value)
    return record =>
      Object.entries(record.endpoints).some(
        ([name, endpoint]) => name === value || endpoint.networkId === (id ?? value),
      )
  })
  any('expose', value => portTest(value, record => Object.keys(record.config.ExposedPorts ?? {})))
  any('publish', value =>
    portTest(
      value,
      record => record.publishedPorts.map(port => `${port.containerPort}/${port.protocol}`),
      record => record.publishedPorts.map(port => `${port.hostPort}/${port.protocol}`),
    ),
  )
  any('is-task', value => {
    if (!['true', 'false', '0', '1'].includes(value)) throw invalid(`invalid filter 'is-task=${value}'`)
    return () => value === 'false' || value === '0'
  })
  any('isolation', value => record => (record.hostConfig.Isolation || 'default') === value)
  return record => tests.every(test => test(record)) && matchLabels(filters, record.config.Labels)
}

/** A name is a regular expression, with or without the leading slash. */
function nameTest(value: string): Predicate {
  let pattern: RegExp
  try {
    pattern = new RegExp(value)
  } catch (cause) {
    throw invalid(`invalid filter 'name=${value}'`, { cause })
  }
  return record => pattern.test(`/${record.name}`) || pattern.test(record.name)
}

function statusTest(value: string): Predicate {
  if (!STATUSES.includes(value)) throw invalid(`invalid filter 'status=${value}'`)
  return record => statusOf(record.state) === value
}

function healthTest(value: string): Predicate {
  if (!HEALTHS.includes(value)) throw invalid(`invalid filter 'health=${value}'`)
  return ({ state }) => (('health' in state ? state.health?.Status : undefined) ?? 'none') === value
}

function exitedTest(value: string): Predicate {
  if (!/^-?\d+$/.test(value)) throw invalid(`invalid filter 'exited=${value}'`)
  return ({ state }) => (state.kind === 'exited' || state.kind === 'dead') && state.last?.code === Number(value)
}

function bound(
  reference: string,
  all: readonly ContainerRecord[],
  look: LookUps,
  test: (index: number, at: number) => boolean,
): Predicate {
  const found = look.find(reference)
  if (!found) throw invalid(`No such container: ${reference}`)
  const index = new Map(all.map((record, position) => [record.id, position] as const))
  const at = index.get(found.id) ?? -1
  return record => test(index.get(record.id) ?? -1, at)
}

/** `80`, `80/udp`, `8000-8080[/tcp]`. */
function portTest(value: string, ...ports: ((record: ContainerRecord) => string[])[]): Predicate {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value)
  if (!match) throw invalid(`invalid port: ${value}`)
  const low = Number(match[1])
  const high = Number(match[2] ?? match[1])
  const protocol = match[3] ?? 'tcp'
  return record =>
    ports
      .flatMap(list => list(record))
      .some(port => {
        const [number, kind = 'tcp'] = port.split('/')
        return kind === protocol && Number(number) >= low && Number(number) <= high
      })
}
