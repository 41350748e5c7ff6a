import { conflict, invalid } from '#lib/errors.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { Links } from '#ports/links.ts'
import type { Attachment, NetworkDriver } from './driver.ts'
import { quote, sameBridge } from './firewall/ruleset.ts'
import type { Element } from './firewall/ruleset.ts'
import { formatAddress, formatCidr } from './ipam/address.ts'
import type { Ipam } from './ipam/ipam.ts'
import { bridgeOptions, endpointSysctls } from './options.ts'
import type { CreateNetwork } from './service.ts'

/** Host end of an endpoint's veth: 15 characters, the most that the kernel takes. */
export const vethName = (endpointId: string): string => `veth${endpointId.slice(0, 11)}`

/** Alias of every interface that this daemon makes: what a sweep goes by. */
export const aliasOf = (key: string, id: string): string => `berth:${key}:${id}`

/** One Linux bridge a network, one veth pair an endpoint. */
export class BridgeDriver implements NetworkDriver {
  readonly name = 'bridge'
  readonly addressed = true
  readonly publishes = true
  readonly #links: Links
  readonly #ipam: Ipam
  readonly #key: string
  readonly #hostMtu: () => number
  readonly #forward6: () => Promise<void>
  #forwarding6 = false

  constructor(links: Links, ipam: Ipam, key: string, hostMtu: () => number, forward6: () => Promise<void>) {
    this.#links = links
    this.#ipam = ipam
    this.#key = key
    this.#hostMtu = hostMtu
    this.#forward6 = forward6
  }

  validate(request: CreateNetwork): void {
    const { gatewayMode } = bridgeOptions(request.options)
    if (!request.internal && (gatewayMode[4] === 'isolated' || gatewayMode[6] === 'isolated')) {
      throw invalid("gateway mode 'isolated' can only be used for an internal network: add --internal")
    }
  }

  async interfaceFor(id: string, request: CreateNetwork): Promise<string> {
    const { name } = bridgeOptions(request.options)
    if (name === '') return `br-${id.slice(0, 12)}`
    const link = await this.#links.find(name)
    if (link) throw conflict(`interface ${name} exists already: choose another com.docker.network.bridge.name`)
    return name
  }

  async up(network: NetworkRecord): Promise<void> {
    const pools = this.#ipam.pools(network.id)
    const { mtu, gatewayMode } = bridgeOptions(network.options)
    await this.#links.ensureBridge({
      name: network.bridgeName,
      mtu: mtu ?? this.#hostMtu(),
      addresses: pools
        .filter(pool => gatewayMode[pool.subnet.family] !== 'isolated')
        .map(pool => `${formatAddress(pool.gateway)}/${pool.subnet.prefix}`),
      alias: aliasOf(this.#key, network.id),
    })
    // For the host's own 127.0.0.1:PORT: the reply's destination is 127.0.0.1 when it comes in by the bridge. The raw
    // chain keeps everybody else's packets for 127.0.0.0/8 out.
    await this.#links.setSysctl(`net.ipv4.conf.${network.bridgeName}.route_localnet`, '1')
    if (pools.some(pool => pool.subnet.family === 6) && !this.#forwarding6) {
      await this.#forward6()
      this.#forwarding6 = true
    }
  }

  down(network: NetworkRecord): void {
    this.#links.deleteLink(network.bridgeName)
  }

  elements(network: NetworkRecord): Element[] {
    const { icc, masquerade, gatewayMode } = bridgeOptions(network.options)
    const bridge = quote(network.bridgeName)
    const pair = sameBridge(network.bridgeName)
    const elements: Element[] = [{ set: 'bridges', key: bridge }]
    for (const { subnet } of this.#ipam.pools(network.id)) {
      elements.push({ set: subnet.family === 4 ? 'home4' : 'home6', key: `${bridge} . ${formatCidr(subnet)}` })
    }
    if (icc) elements.push({ set: 'icc', key: pair })
    if (network.internal) elements.push({ set: 'internal', key: bridge })
    else {
      for (const { subnet } of this.#ipam.pools(network.id)) {
        const { family } = subnet
        const mode = gatewayMode[family]
        const home = `${bridge} . ${formatCidr(subnet)}`
        if (mode === 'routed') elements.push({ set: `routed${family}`, key: home })
        else if (masquerade) elements.push({ set: `masquerade${family}`, key: formatCidr(subnet) })
        if (mode === 'nat-unprotected') elements.push({ set: `unprotected${family}`, key: home })
      }
    }
    return elements
  }

  async attach(network: NetworkRecord, attachment: Attachment): Promise<void> {
    const { endpoint, device, sandboxPath } = attachment
    const { icc, mtu } = bridgeOptions(network.options)
    await this.#links.createVeth({
      hostName: vethName(endpoint.endpointId),
      bridge: network.bridgeName,
      sandbox: sandboxPath,
      containerName: device,
      mac: endpoint.mac,
      addresses: [
        ...(endpoint.ipv4 ? [`${endpoint.ipv4}/${endpoint.ipv4PrefixLength}`] : []),
        ...(endpoint.ipv6 ? [`${endpoint.ipv6}/${endpoint.ipv6PrefixLength}`] : []),
      ],
      mtu: mtu ?? this.#hostMtu(),
      routes: attachment.routes,
      ...(!icc && { isolated: true }),
      ...(attachment.publishes && { hairpin: true }),
      alias: aliasOf(this.#key, attachment.containerId),
      sysctls: endpointSysctls(endpoint.request.DriverOpts),
    })
  }

  async refresh(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    sandboxPath: string,
    publishes: boolean,
  ): Promise<void> {
    const { icc, mtu } = bridgeOptions(network.options)
    await this.#links.changeVeth({
      hostName: vethName(endpoint.endpointId),
      sandbox: sandboxPath,
      mac: endpoint.mac,
      port: { hairpin: publishes, isolated: !icc },
      mtu: mtu ?? this.#hostMtu(),
    })
  }

  detach(_network: NetworkRecord, { endpointId }: EndpointRecord): void {
    this.#links.deleteLink(vethName(endpointId))
  }
}
