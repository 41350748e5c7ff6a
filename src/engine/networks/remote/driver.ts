import { isKind, notFound, system } from '#lib/errors.ts'
import type { Logger } from '#lib/log.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { Links, RouteSpec } from '#ports/links.ts'
import { type Plugins, pluginName } from '#ports/plugins.ts'
import { aliasOf } from '../bridge-driver.ts'
import type { Attachment, NetworkDriver } from '../driver.ts'
import type { Element } from '../firewall/ruleset.ts'
import { endpointSysctls } from '../options.ts'
import { readInterface, readJoin } from './protocol.ts'

export interface RemoteDeps {
  plugins: Plugins
  links: Links
  key: string
  log: Logger
}

/** A network driver that is a plugin: it makes the interface, the engine moves it into the sandbox and addresses it. */
export class RemoteDriver implements NetworkDriver {
  readonly name: string
  readonly addressed = true
  readonly publishes = false
  readonly #deps: RemoteDeps

  constructor(name: string, deps: RemoteDeps) {
    this.name = name
    this.#deps = deps
  }

  validate(): void {}

  async interfaceFor(): Promise<string> {
    const implemented = await this.#deps.plugins.activate(this.name).catch((error: unknown) => {
      if (!isKind(error, 'not-found')) throw error
      const name = pluginName(this.name)
      throw notFound(`could not find network driver "${name}": plugin "${name}" not found`, { cause: error })
    })
    if (!implemented.includes('NetworkDriver')) {
      throw notFound(
        `plugin "${pluginName(this.name)}" is no network driver: it implements ${implemented.join(', ') || 'nothing'}`,
      )
    }
    await this.#call('GetCapabilities', {})
    return ''
  }

  /** The plugin keeps its networks itself: nothing is told to it again at a start. */
  async up(): Promise<void> {}

  down(): void {}

  async created(network: NetworkRecord): Promise<void> {
    const data = (family: 4 | 6) =>
      network.ipam.Config.filter(pool => pool.Subnet.includes(':') === (family === 6)).map(pool => ({
        AddressSpace: 'LocalDefault',
        Pool: pool.Subnet,
        Gateway: pool.Gateway ? `${pool.Gateway}/${pool.Subnet.split('/')[1]}` : '',
        AuxAddresses: Object.fromEntries(
          Object.entries(pool.AuxiliaryAddresses ?? {}).map(([name, text]) => [
            name,
            `${text}/${pool.Subnet.split('/')[1]}`,
          ]),
        ),
      }))
    await this.#call('CreateNetwork', {
      NetworkID: network.id,
      Options: {
        'com.docker.network.enable_ipv4': network.enableIPv4,
        'com.docker.network.enable_ipv6': network.enableIPv6,
        ...(network.internal && { 'com.docker.network.internal': true }),
        'com.docker.network.generic': network.options,
      },
      IPv4Data: data(4),
      IPv6Data: data(6),
    })
  }

  /** A plugin that is gone for good must not keep its networks from being removed. */
  async removed(network: NetworkRecord): Promise<void> {
    await this.#call('DeleteNetwork', { NetworkID: network.id }).catch((error: unknown) => {
      if (!isKind(error, 'not-found')) throw error
      this.#deps.log.warn('network removed without its plugin', { network: network.name, plugin: this.name })
    })
  }

  elements(): Element[] {
    return []
  }

  async attach(network: NetworkRecord, attachment: Attachment): Promise<void> {
    try {
      await this.#attach(network, attachment)
    } catch (error) {
      // There is none for the caller's undo to take back.
      attachment.endpoint.endpointId = ''
      throw error
    }
  }

  detach(network: NetworkRecord, endpoint: EndpointRecord, sandboxPath?: string): void {
    if (endpoint.endpointId === '') return
    void this.#leave(network, endpoint, sandboxPath).catch((error: unknown) => {
      this.#deps.log.warn('endpoint not taken back by its plugin', { network: network.name, error: String(error) })
    })
  }

  async #attach(network: NetworkRecord, attachment: Attachment): Promise<void> {
    const { endpoint, sandboxPath, containerId } = attachment
    const ids = { NetworkID: network.id, EndpointID: endpoint.endpointId }
    const wanted = {
      Address: endpoint.ipv4 ? `${endpoint.ipv4}/${endpoint.ipv4PrefixLength}` : '',
      AddressIPv6: endpoint.ipv6 ? `${endpoint.ipv6}/${endpoint.ipv6PrefixLength}` : '',
      MacAddress: endpoint.request.MacAddress ? endpoint.mac : '',
    }
    const driverOptions = endpoint.request.DriverOpts ?? {}
    const created = await this.#call('CreateEndpoint', {
      ...ids,
      Interface: wanted,
      Options: { 'com.docker.network.endpoint.exposedports': [], 'com.docker.network.portmap': [], ...driverOptions },
    })
    try {
      const own = readInterface(this.name, created)
      for (const [text, asked] of [
        [own.address, wanted.Address] as const,
        [own.address6, wanted.AddressIPv6] as const,
      ]) {
        if (text !== '' && asked !== '' && text !== asked) {
          throw system(
            `plugin "${this.name}" gives an endpoint of network ${network.name} address ${text} instead of ${asked}`,
          )
        }
      }
      const answer = await this.#call('Join', {
        ...ids,
        SandboxKey: sandboxPath,
        Options: { 'com.docker.network.endpoint.containerid': containerId },
      })
      try {
        await this.#take(attachment, readJoin(this.name, answer), wanted.MacAddress || own.mac)
      } catch (error) {
        await this.#call('Leave', ids).catch(() => {})
        throw error
      }
    } catch (error) {
      await this.#call('DeleteEndpoint', ids).catch(() => {})
      throw error
    }
  }

  async #take(attachment: Attachment, join: ReturnType<typeof readJoin>, mac: string): Promise<void> {
    const { links, key } = this.#deps
    const { endpoint, device, sandboxPath } = attachment
    const ways = attachment.routes.filter(route => route.destination === 'default').map(route => route.family)
    // The plugin's word, not the pool's: it may have no gateway at all.
    Object.assign(endpoint, { ipv4Gateway: join.gateway, ipv6Gateway: join.gateway6 })
    const defaults: RouteSpec[] = [
      ...(join.gateway && ways.includes(4)
        ? [{ destination: 'default', gateway: join.gateway, family: 4 as const }]
        : []),
      ...(join.gateway6 && ways.includes(6)
        ? [{ destination: 'default', gateway: join.gateway6, family: 6 as const }]
        : []),
    ]
    const containerName = join.name || (join.prefix === 'eth' ? device : await this.#free(sandboxPath, join.prefix))
    const alias = aliasOf(key, endpoint.endpointId)
    endpoint.mac = await links.takeLink({
      hostName: join.source,
      sandbox: sandboxPath,
      containerName,
      ...(mac && { mac }),
      addresses: [
        ...(endpoint.ipv4 ? [`${endpoint.ipv4}/${endpoint.ipv4PrefixLength}`] : []),
        ...(endpoint.ipv6 ? [`${endpoint.ipv6}/${endpoint.ipv6PrefixLength}`] : []),
      ],
      routes: [...join.routes, ...defaults],
      alias,
      sysctls: endpointSysctls(endpoint.request.DriverOpts),
    })
  }

  async #free(sandboxPath: string, prefix: string): Promise<string> {
    const names = new Set((await this.#deps.links.list(sandboxPath)).map(link => link.name))
    let index = 0
    while (names.has(`${prefix}${index}`)) index++
    return `${prefix}${index}`
  }

  async #leave(network: NetworkRecord, { endpointId }: EndpointRecord, sandboxPath?: string): Promise<void> {
    const { links, key } = this.#deps
    const ids = { NetworkID: network.id, EndpointID: endpointId }
    try {
      await this.#call('Leave', ids)
    } finally {
      // A sandbox that goes takes a veth along; a plugin finds its own end gone then, as in Docker.
      if (sandboxPath !== undefined) {
        await links.returnLink(sandboxPath, aliasOf(key, endpointId), `bv${endpointId.slice(0, 12)}`).catch(() => {})
      }
      await this.#call('DeleteEndpoint', ids)
    }
  }

  #call(method: string, body: object): Promise<Record<string, unknown>> {
    return this.#deps.plugins.call(this.name, `NetworkDriver.${method}`, body)
  }
}
