import { LABEL } from '#compose/labels.ts'
import { EGRESS_KEY } from '#model/egress.ts'
import type { ContainerSummary, NetworkInspect } from '#wire/index.ts'
import { displayPorts } from '../../containers/ports-text.ts'
import { compareText } from '../../render/order.ts'

export interface MapNetwork {
  id: string
  name: string
  driver: string
  subnets: string[]
  internal: boolean
  /** Its containers may talk to each other. */
  icc: boolean
  /** `internal`, `no icc`, `no way out`, `egress policy`, … */
  marks: string[]
  /** A packet can leave by it. */
  leadsOut: boolean
  builtin: boolean
}

export interface MapContainer {
  id: string
  name: string
  state: string
  /** '' without a health check. */
  health: string
  project: string
  service: string
  /** By network id; '' without an address, as of one that is stopped. */
  addresses: Record<string, string>
  /** As `ps` shows them. */
  ports: string
  /** It may not go everywhere: `berth.egress`. */
  egress: boolean
  /** Ports of the host that lead here, on an address that other machines reach. */
  publishes: boolean
  /** Name of the container whose network it shares. */
  shares: string
  running: boolean
}

/** Replicas of one Compose service behind one name. */
export interface MapGroup {
  project: string
  service: string
  /** Of the name: one virtual address, or each replica's. */
  mode: 'vip' | 'dnsrr'
  replicas: string[]
  serving: number
}

export interface MapModel {
  networks: MapNetwork[]
  containers: MapContainer[]
  groups: MapGroup[]
}

const BUILTIN = new Set(['bridge', 'host', 'none'])

/** @param balances whether the daemon gives replicas one virtual address, as Berth does */
export function buildModel(
  networks: readonly NetworkInspect[],
  containers: readonly ContainerSummary[],
  options: { project?: string; balances: boolean },
): MapModel {
  const { project } = options
  const mine = containers.filter(one => !project || one.Labels[LABEL.project] === project)
  const byId = new Map(containers.map(one => [one.Id, one]))
  const idOf = new Map(networks.map(one => [one.Name, one.Id]))
  const shown = mine.map(one => mapContainer(one, byId, idOf)).sort(inOrder)
  const used = new Set(shown.flatMap(one => Object.keys(one.addresses)))
  const kept = networks
    .filter(one =>
      used.has(one.Id) ? true : !BUILTIN.has(one.Name) && (!project || one.Labels[LABEL.project] === project),
    )
    .map(mapNetwork)
    .sort((a, b) => Number(a.builtin) - Number(b.builtin) || compareText(a.name, b.name))
  return { networks: kept, containers: shown, groups: groupsOf(mine, shown, options.balances) }
}

const inOrder = (a: MapContainer, b: MapContainer): number =>
  compareText(a.project, b.project) ||
  compareText(a.service, b.service) ||
  numberOf(a.name) - numberOf(b.name) ||
  compareText(a.name, b.name)

const numberOf = (name: string): number => Number(/(\d+)$/.exec(name)?.[1] ?? 0)

function mapNetwork(one: NetworkInspect): MapNetwork {
  const option = (name: string) => one.Options?.[`com.docker.network.bridge.${name}`]?.toLowerCase()
  const off = (text: string | undefined) => text !== undefined && ['0', 'f', 'false'].includes(text)
  const icc = !off(option('enable_icc'))
  const isolated = option('gateway_mode_ipv4') === 'isolated'
  const marks = [
    ...(one.Options?.['parent'] ? [`on ${one.Options['parent']}`] : []),
    ...(one.Internal ? ['internal'] : []),
    ...(one.Driver === 'null' ? ['no way out'] : []),
    ...(icc ? [] : ['no icc']),
    ...(off(option('enable_ip_masquerade')) ? ['no masquerade'] : []),
    ...(isolated ? ['isolated'] : []),
    ...(one.Options?.[EGRESS_KEY] ? ['egress policy'] : []),
    ...(one.EnableIPv6 ? ['IPv6'] : []),
  ]
  return {
    id: one.Id,
    name: one.Name,
    driver: one.Driver,
    subnets: (one.IPAM?.Config ?? []).flatMap(pool => (pool.Subnet ? [pool.Subnet] : [])),
    internal: one.Internal,
    icc,
    marks,
    leadsOut: !one.Internal && !isolated && one.Driver !== 'null',
    builtin: BUILTIN.has(one.Name),
  }
}

function mapContainer(
  one: ContainerSummary,
  byId: ReadonlyMap<string, ContainerSummary>,
  idOf: ReadonlyMap<string, string>,
): MapContainer {
  const mode = one.HostConfig?.NetworkMode ?? ''
  const owner = mode.startsWith('container:') ? byId.get(mode.slice('container:'.length)) : undefined
  const settings = (owner ?? one).NetworkSettings?.Networks ?? {}
  const addresses = Object.fromEntries(
    Object.entries(settings).flatMap(([name, { NetworkID, IPAddress, GlobalIPv6Address }]) => {
      const id = NetworkID || idOf.get(name)
      return id ? [[id, IPAddress || GlobalIPv6Address || '']] : []
    }),
  )
  return {
    id: one.Id,
    name: nameOf(one),
    state: one.State,
    health: /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(one.Status)?.[1] ?? '',
    project: one.Labels[LABEL.project] ?? '',
    service: one.Labels[LABEL.service] ?? '',
    addresses,
    ports: displayPorts(one.Ports ?? []),
    egress: one.HostConfig?.Annotations?.[EGRESS_KEY] !== undefined,
    publishes: (one.Ports ?? []).some(
      ({ IP = '', PublicPort }) => PublicPort && !IP.startsWith('127.') && IP !== '::1',
    ),
    shares: owner ? nameOf(owner) : '',
    running: one.State === 'running',
  }
}

const nameOf = (one: ContainerSummary): string => one.Names[0]?.replace(/^\//, '') ?? one.Id.slice(0, 12)

function groupsOf(
  summaries: readonly ContainerSummary[],
  shown: readonly MapContainer[],
  balances: boolean,
): MapGroup[] {
  const modes = new Map(
    summaries.map(one => [one.Id, one.HostConfig?.Annotations?.[LABEL.endpointMode] ?? one.Labels[LABEL.endpointMode]]),
  )
  const groups = new Map<string, MapContainer[]>()
  for (const one of shown) {
    if (!one.service) continue
    const key = `${one.project}/${one.service}`
    const list = groups.get(key)
    if (list) list.push(one)
    else groups.set(key, [one])
  }
  return [...groups.values()].flatMap((list): MapGroup[] => {
    const [{ project, service, id }] = list as [MapContainer, ...MapContainer[]]
    if (list.length < 2) return []
    return [
      {
        project,
        service,
        mode: !balances || modes.get(id) === 'dnsrr' ? 'dnsrr' : 'vip',
        replicas: list.map(one => one.name),
        serving: list.filter(one => one.running && one.health !== 'unhealthy' && one.health !== 'starting').length,
      },
    ]
  })
}
