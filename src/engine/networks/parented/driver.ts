import { BerthError, conflict, invalid, system } from '#lib/errors.ts'
import { KeyedLock } from '#lib/keyed-lock.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { ChildSpec, LinkInfo, Links } from '#ports/links.ts'
import { aliasOf } from '../bridge-driver.ts'
import type { Attachment, NetworkDriver } from '../driver.ts'
import type { Element } from '../firewall/ruleset.ts'
import type { Ipam } from '../ipam/ipam.ts'
import { endpointSysctls } from '../options.ts'
import type { CreateNetwork } from '../service.ts'
import { parentedOptions } from './options.ts'
import type { ParentedKind, ParentedOptions } from './options.ts'
import { ensureParent, vlanOf } from './parents.ts'
import { ensureShim, reserveHostAddresses, restoreRoutes, shimName, shimRoutes } from './shim.ts'

/** What the driver must know of the rest. */
export interface ParentedDeps {
  links: Links
  ipam: Ipam
  key: string
  networks: () => NetworkRecord[]
  endpoints: (networkId: string) => EndpointRecord[]
}

const dummyName = (kind: ParentedKind, networkId: string): string =>
  `${kind === 'macvlan' ? 'dm' : 'di'}-${networkId.slice(0, 12)}`

/**
 * Macvlan and ipvlan: endpoints are links on an interface of the host, and so on its wire. The gateway is a router out
 * there; nothing is translated, filtered or published by the host.
 */
export class ParentedDriver implements NetworkDriver {
  readonly name: ParentedKind
  readonly addressed = true
  readonly publishes = false
  readonly #deps: ParentedDeps
  /** Two endpoints that begin together make one sub-interface. */
  readonly #lock = new KeyedLock()

  constructor(name: ParentedKind, deps: ParentedDeps) {
    this.name = name
    this.#deps = deps
  }

  validate(request: CreateNetwork): void {
    parentedOptions(this.name, request.options)
  }

  async interfaceFor(_id: string, request: CreateNetwork): Promise<string> {
    const { links } = this.#deps
    await links.requireKind(this.name)
    const { parent, child } = parentedOptions(this.name, request.options)
    for (const other of parent === '' ? [] : this.#deps.networks()) {
      const kind = parentedKind(other.driver)
      if (!kind || other.options['parent'] !== parent) continue
      if (kind !== this.name) {
        throw conflict(`network ${other.name} uses parent interface ${parent} for ${kind}: it takes one kind only`)
      }
      if (isPassthru(child) || isPassthru(parentedOptions(kind, other.options).child)) {
        throw conflict(
          `cannot use mode passthru, macvlan network ${other.name} is already using parent interface ${parent}`,
        )
      }
    }
    return ''
  }

  async up(network: NetworkRecord): Promise<void> {
    await this.#deps.links.requireKind(this.name)
    await this.#prepare(network, true)
    const { hostAccess } = parentedOptions(this.name, network.options)
    if (hostAccess) await restoreRoutes(this.#deps.links, network.id, this.#deps.endpoints(network.id))
  }

  down(network: NetworkRecord): void {
    const { links, key } = this.#deps
    const { parent, hostAccess } = parentedOptions(this.name, network.options)
    if (hostAccess) links.deleteLink(shimName(network.id))
    if (parent === '') links.deleteLink(dummyName(this.name, network.id))
    else if (vlanOf(parent)) {
      const users = this.#deps.networks().filter(one => parentedKind(one.driver) && one.options['parent'] === parent)
      if (users.some(one => one.id !== network.id)) return
      // Only the one that we made ourselves.
      void links
        .find(parent)
        .then(link => link?.alias.startsWith(aliasOf(key, 'vlan')) && links.deleteLink(parent))
        .catch(() => {})
    }
  }

  elements(): Element[] {
    return []
  }

  leadsOutside(network: NetworkRecord): boolean {
    return !network.internal && (network.options['parent'] ?? '') !== ''
  }

  hasGateway(network: NetworkRecord): boolean {
    const { child } = parentedOptions(this.name, network.options)
    return this.leadsOutside(network) && (child.kind === 'macvlan' || child.mode === 'l2')
  }

  hostLinks(network: NetworkRecord): string[] {
    const { parent } = parentedOptions(this.name, network.options)
    return [shimName(network.id), parent || dummyName(this.name, network.id)]
  }

  async attach(network: NetworkRecord, attachment: Attachment): Promise<void> {
    const { links, key } = this.#deps
    const { endpoint, device, sandboxPath, routes } = attachment
    const options = parentedOptions(this.name, network.options)
    const { child, mtu, hostAccess } = options
    const ownMac = endpoint.request.MacAddress !== undefined && endpoint.request.MacAddress !== ''
    if (child.kind === 'ipvlan' && ownMac)
      throw invalid('ipvlan interfaces do not support custom mac address assignment')
    const parent = await this.#prepare(network, false)
    if (!parent.up) {
      throw system(`parent interface ${parent.name} of network ${network.name} is down: ip link set ${parent.name} up`)
    }
    if (isPassthru(child) && this.#deps.endpoints(network.id).some(one => this.#isOther(one, endpoint))) {
      throw conflict(`network ${network.name} is in passthru mode: its parent ${parent.name} takes one container only`)
    }
    const inherits = child.kind === 'ipvlan' || (isPassthru(child) && !ownMac)
    if (inherits) endpoint.mac = parent.mac
    await links.createChild({
      kind: child,
      parent: parent.name,
      sandbox: sandboxPath,
      containerName: device,
      ...(!inherits && { mac: endpoint.mac }),
      addresses: [
        ...(endpoint.ipv4 ? [`${endpoint.ipv4}/${endpoint.ipv4PrefixLength}`] : []),
        ...(endpoint.ipv6 ? [`${endpoint.ipv6}/${endpoint.ipv6PrefixLength}`] : []),
      ],
      mtu: Math.min(mtu ?? parent.mtu, parent.mtu),
      routes,
      alias: aliasOf(key, endpoint.endpointId),
      sysctls: endpointSysctls(endpoint.request.DriverOpts),
    })
    if (hostAccess) await links.replaceRoutes(undefined, shimRoutes(network.id, endpoint))
  }

  detach(network: NetworkRecord, endpoint: EndpointRecord, sandboxPath?: string): void {
    const { links, key } = this.#deps
    // A sandbox that goes takes its links along.
    if (sandboxPath !== undefined && endpoint.endpointId) {
      links.deleteChild(sandboxPath, aliasOf(key, endpoint.endpointId))
    }
    if (!parentedOptions(this.name, network.options).hostAccess) return
    void links.deleteRoutes(undefined, shimRoutes(network.id, endpoint)).catch(() => {})
  }

  #isOther(one: EndpointRecord, endpoint: EndpointRecord): boolean {
    return one.endpointId !== '' && one.endpointId !== endpoint.endpointId
  }

  /** Everything on the host that an endpoint stands on. @returns the parent */
  async #prepare(network: NetworkRecord, whole: boolean): Promise<LinkInfo> {
    const options = parentedOptions(this.name, network.options)
    if (!whole) {
      const { links } = this.#deps
      const parent = await links.find(options.parent || dummyName(this.name, network.id))
      if (parent && (!options.hostAccess || (await links.find(shimName(network.id))))) return parent
    }
    return this.#lock.run(options.parent || network.id, () => this.#prepareAlone(network, options))
  }

  async #prepareAlone(network: NetworkRecord, options: ParentedOptions): Promise<LinkInfo> {
    const { links, ipam, key } = this.#deps
    const alias = aliasOf(key, network.id)
    const name = options.parent || dummyName(this.name, network.id)
    if (options.parent === '') await links.ensureLink({ name, kind: { kind: 'dummy' }, addresses: [], alias })
    const parent = await ensureParent(links, name, this.name, aliasOf(key, 'vlan')).catch((error: unknown) => {
      if (!(error instanceof BerthError)) throw error
      throw new BerthError(error.kind, `network ${network.name}: ${error.message}`, { cause: error })
    })
    await reserveHostAddresses(links, ipam, network, name)
    if (options.hostAccess) await ensureShim(links, ipam, network, parent, options, alias)
    return parent
  }
}

const isPassthru = (child: ChildSpec['kind']): boolean => child.kind === 'macvlan' && child.mode === 'passthru'

function parentedKind(driver: string): ParentedKind | undefined {
  return driver === 'macvlan' || driver === 'ipvlan' ? driver : undefined
}
