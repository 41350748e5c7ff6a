import { conflict, notImplemented, system } from '#lib/errors.ts'
import type {
  BridgeSpec,
  ChildSpec,
  Forwarding,
  ForwardingInfo,
  HostSubnet,
  HostLinkSpec,
  LentSpec,
  LinkInfo,
  LinkStats,
  Links,
  Neighbour,
  RouteSpec,
  VethChange,
  Sandboxes,
  VethSpec,
} from '#ports/links.ts'

interface FakeLink {
  info: LinkInfo
  addresses: string[]
  routes: RouteSpec[]
  neighbours?: Neighbour[]
  forwardings?: ForwardingInfo[]
  /** The other end of a pair. */
  peer?: { sandbox: string; name: string }
}

/** In-memory namespaces. `calls` holds each verb with its arguments, in order; `failNext` makes the next verb fail. */
export class FakeLinks implements Links {
  readonly calls: { verb: string; args: unknown[] }[] = []
  readonly sysctls = new Map<string, string>()
  failNext: Error | undefined
  /** Kinds that this kernel has not. */
  readonly missing = new Set<string>()
  readonly #namespaces = new Map<string, Map<string, FakeLink>>([['', new Map()]])
  #index = 1

  /** Test hook: a link that something else made in the daemon's namespace. */
  addForeign(name: string, addresses: string[] = [], routes: RouteSpec[] = []): void {
    this.#host().set(name, { info: this.#info(name, 'ether', '02:00:00:00:00:99'), addresses, routes })
  }

  async list(sandbox = ''): Promise<LinkInfo[]> {
    return [...this.#namespace(sandbox).values()].map(link => ({ ...link.info }))
  }

  async find(name: string, sandbox = ''): Promise<LinkInfo | undefined> {
    const link = this.#namespace(sandbox).get(name)
    return link && { ...link.info }
  }

  async routes(family: 4 | 6, sandbox = ''): Promise<{ destination: string; device: string; gateway?: string }[]> {
    const routes: { destination: string; device: string; gateway?: string }[] = []
    for (const [device, link] of this.#namespace(sandbox)) {
      for (const address of link.addresses) {
        if (familyOf(address) === family) routes.push({ destination: subnetOf(address), device })
      }
      for (const route of link.routes) {
        const own = route.family ?? familyOf(route.gateway ?? route.destination)
        if (own !== family) continue
        routes.push({ destination: route.destination, device, ...(route.gateway && { gateway: route.gateway }) })
      }
    }
    return routes
  }

  async hostSubnets(except: ReadonlySet<string> = new Set()): Promise<HostSubnet[]> {
    const routes = [...(await this.routes(4)), ...(await this.routes(6))]
    const all = [
      ...routes.map(({ destination, device }) => ({ subnet: destination, device, what: 'route' as const })),
      ...(await this.addresses()).map(({ address, device }) => ({ subnet: address, device, what: 'address' as const })),
    ]
    return all.filter(one => !except.has(one.device))
  }

  async addresses(sandbox = ''): Promise<{ device: string; address: string }[]> {
    return [...this.#namespace(sandbox)].flatMap(([device, link]) =>
      link.addresses.map(address => ({ device, address })),
    )
  }

  async ensureBridge(spec: BridgeSpec): Promise<void> {
    this.#record('ensureBridge', spec)
    const old = this.#host().get(spec.name)
    if (old && old.info.kind !== 'bridge') {
      throw system(`create bridge ${spec.name}: file exists`, { details: { errno: 'EEXIST' } })
    }
    const info = old?.info ?? this.#info(spec.name, 'bridge', spec.mac ?? '02:00:00:00:00:01')
    Object.assign(info, { mtu: spec.mtu ?? 1500, alias: spec.alias })
    if (spec.mac) info.mac = spec.mac
    this.#host().set(spec.name, { info, addresses: [...spec.addresses], routes: [] })
  }

  async createVeth(spec: VethSpec): Promise<void> {
    this.#record('createVeth', spec)
    const bridge = this.#host().get(spec.bridge)
    if (!bridge) throw system(`find link ${spec.bridge}: no such device`, { details: { errno: 'ENODEV' } })
    const inside = this.#namespace(spec.sandbox)
    if (this.#host().has(spec.hostName) || inside.has(spec.containerName)) {
      throw system(`create veth ${spec.hostName}: file exists`, { details: { errno: 'EEXIST' } })
    }
    const mtu = spec.mtu ?? bridge.info.mtu
    this.#host().set(spec.hostName, {
      info: { ...this.#info(spec.hostName, 'veth', '02:00:00:00:00:02'), mtu, master: bridge.info.index },
      addresses: [],
      routes: [],
      peer: { sandbox: spec.sandbox, name: spec.containerName },
    })
    inside.set(spec.containerName, {
      info: { ...this.#info(spec.containerName, 'veth', spec.mac), mtu },
      addresses: [...spec.addresses],
      routes: [...spec.routes],
      peer: { sandbox: '', name: spec.hostName },
    })
    for (const [key, value] of Object.entries(spec.sysctls ?? {})) {
      this.sysctls.set(`${spec.sandbox}:${key.replace('IFNAME', spec.containerName)}`, value)
    }
  }

  async requireKind(kind: string): Promise<void> {
    if (this.missing.has(kind)) throw notImplemented(`the kernel has no ${kind}: load or build CONFIG_${kind}`)
  }

  async createChild(spec: ChildSpec): Promise<void> {
    this.#record('createChild', spec)
    const parent = this.#link(spec.parent, '')
    await this.requireKind(spec.kind.kind)
    const inside = this.#namespace(spec.sandbox)
    if (inside.has(spec.containerName)) {
      throw system(`create ${spec.kind.kind} ${spec.containerName}: file exists`, { details: { errno: 'EEXIST' } })
    }
    const mac = spec.mac ?? parent.info.mac
    inside.set(spec.containerName, {
      info: {
        ...this.#info(spec.containerName, spec.kind.kind, mac),
        mtu: spec.mtu ?? parent.info.mtu,
        alias: spec.alias,
      },
      addresses: [...spec.addresses],
      routes: [...spec.routes],
    })
    for (const [key, value] of Object.entries(spec.sysctls ?? {})) {
      this.sysctls.set(`${spec.sandbox}:${key.replace('IFNAME', spec.containerName)}`, value)
    }
  }

  deleteChild(sandbox: string, alias: string): void {
    this.#record('deleteChild', sandbox, alias)
    const links = this.#namespaces.get(sandbox)
    for (const [name, link] of links ?? []) if (link.info.alias === alias) links!.delete(name)
  }

  async takeLink(spec: LentSpec): Promise<string> {
    this.#record('takeLink', spec)
    const link = this.#link(spec.hostName, '')
    this.#host().delete(spec.hostName)
    const { containerName: name, alias } = spec
    const info = { ...link.info, name, alias, mac: spec.mac ?? link.info.mac }
    this.#namespace(spec.sandbox).set(name, { info, addresses: [...spec.addresses], routes: [...spec.routes] })
    return info.mac
  }

  async returnLink(sandbox: string, alias: string, hostName: string): Promise<void> {
    this.#record('returnLink', sandbox, alias, hostName)
    for (const [name, link] of this.#namespaces.get(sandbox) ?? []) {
      if (link.info.alias !== alias) continue
      this.#namespaces.get(sandbox)!.delete(name)
      this.#host().set(hostName, { info: { ...link.info, name: hostName, alias: '' }, addresses: [], routes: [] })
    }
  }

  async ensureLink(spec: HostLinkSpec): Promise<void> {
    this.#record('ensureLink', spec)
    const old = this.#host().get(spec.name)
    if (old && old.info.alias !== spec.alias) throw conflict(`link ${spec.name} exists and is somebody else's`)
    if (spec.parent !== undefined) this.#link(spec.parent, '')
    await this.requireKind(spec.kind.kind)
    const info = old?.info ?? this.#info(spec.name, spec.kind.kind, spec.mac ?? '02:00:00:00:00:03')
    info.alias = spec.alias
    this.#host().set(spec.name, { info, addresses: [...spec.addresses], routes: old?.routes ?? [] })
  }

  async deleteRoutes(sandbox: string | undefined, routes: RouteSpec[]): Promise<void> {
    this.#record('deleteRoutes', sandbox, routes)
    for (const link of this.#namespace(sandbox ?? '').values()) {
      link.routes = link.routes.filter(one => !routes.some(other => other.destination === one.destination))
    }
  }

  async changeVeth(change: VethChange): Promise<void> {
    this.calls.push({ verb: 'changeVeth', args: [change] })
  }

  async loopbackUp(sandbox: string): Promise<void> {
    this.#record('loopbackUp', sandbox)
    const lo = this.#info('lo', 'loopback', '00:00:00:00:00:00')
    this.#namespace(sandbox).set('lo', { info: lo, addresses: ['127.0.0.1/8'], routes: [] })
  }

  async replaceRoutes(sandbox: string | undefined, routes: RouteSpec[]): Promise<void> {
    this.#record('replaceRoutes', sandbox, routes)
    for (const route of routes) {
      const devices = this.#namespace(sandbox ?? '')
      const device = route.device ?? [...devices.keys()].find(name => name !== 'lo')
      const link = device === undefined ? undefined : devices.get(device)
      if (!link)
        throw system(`add route ${route.destination}: network is unreachable`, { details: { errno: 'ENETUNREACH' } })
      link.routes = [...link.routes.filter(other => other.destination !== route.destination), route]
    }
  }

  deleteLink(name: string): void {
    this.#record('deleteLink', name)
    const link = this.#host().get(name)
    this.#host().delete(name)
    if (link?.peer) this.#namespaces.get(link.peer.sandbox)?.delete(link.peer.name)
  }

  async settled(): Promise<void> {}

  async stats(sandbox: string): Promise<Record<string, LinkStats>> {
    const none = { rxBytes: 0, rxPackets: 0, rxErrors: 0, rxDropped: 0 }
    const zero = { ...none, txBytes: 0, txPackets: 0, txErrors: 0, txDropped: 0 }
    return Object.fromEntries([...this.#namespace(sandbox).keys()].map(name => [name, { ...zero }]))
  }

  async setSysctl(key: string, value: string, sandbox = ''): Promise<boolean> {
    this.#record('setSysctl', key, value, sandbox)
    const changed = this.sysctls.get(`${sandbox}:${key}`) !== value
    this.sysctls.set(`${sandbox}:${key}`, value)
    return changed
  }

  async neighbours(device?: string, sandbox = ''): Promise<Neighbour[]> {
    const devices = device === undefined ? [...this.#namespace(sandbox).keys()] : [device]
    return devices.flatMap(name => this.#link(name, sandbox).neighbours ?? [])
  }

  async replaceNeighbour(neighbour: Parameters<Links['replaceNeighbour']>[0], sandbox = ''): Promise<void> {
    this.#record('replaceNeighbour', neighbour, sandbox)
    const link = this.#link(neighbour.device, sandbox)
    link.neighbours = [...(link.neighbours ?? []).filter(one => one.address !== neighbour.address), { ...neighbour }]
  }

  async deleteNeighbour(device: string, address: string, sandbox = ''): Promise<void> {
    this.#record('deleteNeighbour', device, address, sandbox)
    const link = this.#link(device, sandbox)
    link.neighbours = (link.neighbours ?? []).filter(one => one.address !== address)
  }

  async forwardings(device: string, sandbox = ''): Promise<ForwardingInfo[]> {
    const { info } = this.#link(device, sandbox)
    const links = [...this.#namespace(sandbox).values()]
    return links
      .filter(link => link.info.name === device || link.info.master === info.index)
      .flatMap(link => link.forwardings ?? [])
  }

  async appendForwarding(entry: Forwarding, sandbox = ''): Promise<void> {
    this.#record('appendForwarding', entry, sandbox)
    const link = this.#link(entry.device, sandbox)
    const others = (link.forwardings ?? []).filter(
      one => one.mac !== entry.mac || one.destination !== entry.destination,
    )
    link.forwardings = [...others, { ...entry, state: 'static' }]
  }

  async replaceForwarding(entry: Forwarding, sandbox = ''): Promise<void> {
    this.#record('replaceForwarding', entry, sandbox)
    const link = this.#link(entry.device, sandbox)
    link.forwardings = (link.forwardings ?? []).filter(one => one.mac !== entry.mac)
    link.forwardings.push({ ...entry, state: 'static' })
  }

  async deleteForwarding(entry: Forwarding, sandbox = ''): Promise<void> {
    this.#record('deleteForwarding', entry, sandbox)
    const link = this.#link(entry.device, sandbox)
    link.forwardings = (link.forwardings ?? []).filter(
      one => one.mac !== entry.mac || one.destination !== entry.destination,
    )
  }

  async announce(sandbox: string, device: string, address: string, mac: string): Promise<void> {
    this.#record('announce', sandbox, device, address, mac)
  }

  /** Used by FakeSandboxes. */
  dropNamespace(sandbox: string): void {
    for (const link of this.#namespaces.get(sandbox)?.values() ?? []) {
      if (link.peer) this.#host().delete(link.peer.name)
    }
    this.#namespaces.delete(sandbox)
  }

  #host(): Map<string, FakeLink> {
    return this.#namespace('')
  }

  #namespace(sandbox: string): Map<string, FakeLink> {
    let links = this.#namespaces.get(sandbox)
    if (!links) this.#namespaces.set(sandbox, (links = new Map()))
    return links
  }

  #link(device: string, sandbox: string): FakeLink {
    const link = this.#namespace(sandbox).get(device)
    if (!link) throw system(`find link ${device}: no such device`, { details: { errno: 'ENODEV' } })
    return link
  }

  #info(name: string, kind: string, mac: string): LinkInfo {
    return { index: ++this.#index, name, kind, mac, mtu: 1500, up: true, operState: 'up', master: 0, alias: '' }
  }

  #record(verb: string, ...args: unknown[]): void {
    this.calls.push({ verb, args })
    const error = this.failNext
    this.failNext = undefined
    if (error) throw error
  }
}

/** In-memory namespaces at `/fake/netns/<id>`; hand it the FakeLinks whose links they hold. */
export class FakeSandboxes implements Sandboxes {
  readonly #ids = new Set<string>()
  readonly #links: FakeLinks | undefined

  constructor(links?: FakeLinks) {
    this.#links = links
  }

  async create(id: string): Promise<string> {
    const path = `/fake/netns/${id}`
    if (this.#ids.has(id)) throw system(`create sandbox ${id}: file exists`, { details: { errno: 'EEXIST' } })
    this.#ids.add(id)
    await this.#links?.loopbackUp(path)
    return path
  }

  find(id: string): string | undefined {
    return this.#ids.has(id) ? `/fake/netns/${id}` : undefined
  }

  list(): string[] {
    return [...this.#ids]
  }

  remove(id: string): void {
    this.#ids.delete(id)
    this.#links?.dropNamespace(`/fake/netns/${id}`)
  }

  async settled(): Promise<void> {}

  ofProcess(pid: number): string {
    return `/proc/${pid}/ns/net`
  }
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}

function subnetOf(address: string): string {
  const [host = '', bits = '32'] = address.split('/')
  if (familyOf(host) === 6) return address
  const octets = host.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
  const size = 2 ** (32 - Number(bits))
  const base = octets - (octets % size)
  return `${[24, 16, 8, 0].map(shift => Math.floor(base / 2 ** shift) % 256).join('.')}/${bits}`
}
