import { forbidden, unavailable } from '#lib/errors.ts'
import type { AddressLease, NetworkRecord } from '#model/network.ts'
import type { Repository } from '#ports/store.ts'
import { bitsOf, contains, formatAddress, lastOf, parseAddress, parseCidr } from './address.ts'
import type { Address, Cidr, Family } from './address.ts'
import { AddressRange } from './bitmap.ts'

/** One subnet of a network. */
export interface Pool {
  subnet: Cidr
  gateway: Address
  range: AddressRange
  /** Addresses that no container gets, and what they are. */
  reserved: ReadonlyMap<bigint, string>
}

interface NetworkPools {
  name: string
  pools: Pool[]
  leases: Map<string, AddressLease>
  /** Containers that asked for an address by name, first come first. */
  claims: Map<string, string[]>
}

/** Addresses of all networks. A lease is on disk before its address is used. */
export class Ipam {
  readonly #networks = new Map<string, NetworkPools>()
  /** Lease keys by container. */
  readonly #byContainer = new Map<string, Map<string, AddressLease>>()
  readonly #store: Repository<AddressLease>
  readonly #holderName: (holder: string) => string

  /** @param holderName how a message calls who has an address */
  constructor(
    store: Repository<AddressLease>,
    holderName: (holder: string) => string = id => `container ${id.slice(0, 12)}`,
  ) {
    this.#store = store
    this.#holderName = holderName
  }

  add(network: NetworkRecord): void {
    this.#networks.set(network.id, {
      name: network.name,
      pools: poolsOf(network),
      leases: new Map(),
      claims: new Map(),
    })
  }

  remove(networkId: string): void {
    const network = this.#networks.get(networkId)
    if (!network) return
    network.claims.clear()
    for (const lease of [...network.leases.values()]) this.release(networkId, lease.address, lease.containerId)
    this.#networks.delete(networkId)
  }

  /** Takes over the stored leases of containers that still are, drops the rest. */
  load(keep: (lease: AddressLease) => boolean): void {
    for (const lease of this.#store.list()) {
      const network = this.#networks.get(lease.networkId)
      if (network && keep(lease)) this.#hold(network, lease)
      else this.#store.delete(keyOf(lease.networkId, lease.address))
    }
  }

  pools(networkId: string): readonly Pool[] {
    return this.#networks.get(networkId)?.pools ?? []
  }

  pool(networkId: string, family: Family): Pool | undefined {
    return this.pools(networkId).find(pool => pool.subnet.family === family)
  }

  poolFor(networkId: string, address: Address): Pool | undefined {
    return this.pools(networkId).find(pool => contains(pool.subnet, address))
  }

  holder(networkId: string, address: string): AddressLease | undefined {
    return this.#networks.get(networkId)?.leases.get(address)
  }

  /**
   * Keeps an address from everybody else for as long as the container exists, run or not. When it is held already, the
   * claim waits for its turn: a container that replaces another is created before the other is removed.
   */
  claim(networkId: string, text: string, containerId: string): void {
    const network = this.#networks.get(networkId)!
    const address = formatAddress(parseAddress(text)!)
    const claims = network.claims.get(address) ?? []
    if (claims.includes(containerId)) return
    network.claims.set(address, [...claims, containerId])
    const lease = network.leases.get(address)
    if (!lease || lease.containerId === containerId) this.#grant(network, networkId, address, containerId)
  }

  /** Ends the container's claims in one network, or in all. */
  unclaim(containerId: string, networkId?: string): void {
    const networks =
      networkId === undefined ? [...this.#networks] : [[networkId, this.#networks.get(networkId)] as const]
    for (const [id, network] of networks) {
      for (const [address, claims] of network?.claims ?? []) {
        const rest = claims.filter(claimant => claimant !== containerId)
        if (rest.length === claims.length) continue
        if (rest.length > 0) network!.claims.set(address, rest)
        else network!.claims.delete(address)
        const lease = network!.leases.get(address)
        if (lease?.containerId === containerId) this.release(id, address, containerId)
      }
    }
  }

  /**
   * Holds a chosen address for a container; holding it already is success.
   * @throws forbidden in Docker's words when someone else has it
   */
  reserve(networkId: string, text: string, containerId: string, isStatic: boolean): string {
    const network = this.#networks.get(networkId)!
    const address = parseAddress(text)!
    const canonical = formatAddress(address)
    const lease = network.leases.get(canonical)
    if (lease && lease.containerId !== containerId) {
      throw forbidden(
        `Address already in use: ${canonical} of network ${network.name} belongs to ${this.#holderName(lease.containerId)}`,
      )
    }
    const reason = this.poolFor(networkId, address)?.reserved.get(address.value)
    if (reason) throw forbidden(`Address already in use: ${canonical} is the ${reason} of network ${network.name}`)
    if (!lease || (isStatic && !lease.static)) {
      const held = { networkId, address: canonical, containerId, static: isStatic }
      this.#store.put(keyOf(networkId, canonical), held)
      this.#hold(network, held)
    }
    return canonical
  }

  /** @throws unavailable in Docker's words when the pools are full */
  allocate(networkId: string, family: Family, containerId: string): string {
    const network = this.#networks.get(networkId)!
    for (const pool of network.pools) {
      if (pool.subnet.family !== family) continue
      const value = pool.range.takeNext()
      if (value === undefined) continue
      const address = formatAddress({ family, value })
      const lease = { networkId, address, containerId, static: false }
      try {
        this.#store.put(keyOf(networkId, address), lease)
      } catch (error) {
        pool.range.release(value)
        throw error
      }
      this.#hold(network, lease)
      return address
    }
    throw unavailable(
      `no available IPv${family} addresses on this network's address pools: ${network.name} (${networkId})`,
    )
  }

  /** Already free is success; another container's lease is left alone. */
  release(networkId: string, address: string, containerId: string): void {
    const network = this.#networks.get(networkId)
    if (network?.leases.get(address)?.containerId !== containerId) return
    network.leases.delete(address)
    const own = this.#byContainer.get(containerId)
    own?.delete(keyOf(networkId, address))
    if (own?.size === 0) this.#byContainer.delete(containerId)
    const value = parseAddress(address)!.value
    for (const pool of network.pools) pool.range.release(value)
    const next = network.claims.get(address)?.[0]
    if (next !== undefined) this.#grant(network, networkId, address, next)
    else this.#store.delete(keyOf(networkId, address))
  }

  leasesOf(containerId: string): AddressLease[] {
    return [...(this.#byContainer.get(containerId)?.values() ?? [])]
  }

  #grant(network: NetworkPools, networkId: string, address: string, containerId: string): void {
    const lease = { networkId, address, containerId, static: true }
    this.#store.put(keyOf(networkId, address), lease)
    this.#hold(network, lease)
  }

  #hold(network: NetworkPools, lease: AddressLease): void {
    network.leases.set(lease.address, lease)
    let own = this.#byContainer.get(lease.containerId)
    if (!own) this.#byContainer.set(lease.containerId, (own = new Map()))
    own.set(keyOf(lease.networkId, lease.address), lease)
    const value = parseAddress(lease.address)?.value
    if (value !== undefined) for (const pool of network.pools) pool.range.take(value)
  }
}

const keyOf = (networkId: string, address: string) => `${networkId}/${address}`

/** Gateway addresses that the request leaves out are the first of the subnet (of the range: Docker takes the range's). */
export function gatewayOf(pool: { Subnet: string; IPRange?: string; Gateway?: string }): string {
  if (pool.Gateway) return formatAddress(parseAddress(pool.Gateway)!)
  const { cidr } = parseCidr(pool.IPRange || pool.Subnet)!
  const subnet = parseCidr(pool.Subnet)!.cidr
  const first = cidr.base === subnet.base && cidr.prefix < bitsOf(cidr.family) - 1 ? cidr.base + 1n : cidr.base
  return formatAddress({ family: cidr.family, value: first })
}

function poolsOf(network: NetworkRecord): Pool[] {
  return network.ipam.Config.flatMap(config => {
    const parsed = parseCidr(config.Subnet)
    if (!parsed || (parsed.cidr.family === 6 && !network.enableIPv6)) return []
    const subnet = parsed.cidr
    const range = config.IPRange ? parseCidr(config.IPRange)!.cidr : subnet
    const whole = new AddressRange(range.base, lastOf(range))
    const gateway = parseAddress(gatewayOf(config))!
    const reserved = new Map([[gateway.value, 'gateway']])
    for (const [name, aux] of Object.entries(config.AuxiliaryAddresses ?? {})) {
      reserved.set(parseAddress(aux)!.value, `auxiliary address ${name}`)
    }
    if (subnet.prefix < bitsOf(subnet.family) - 1) {
      reserved.set(subnet.base, 'network address')
      if (subnet.family === 4) reserved.set(lastOf(subnet), 'broadcast address')
    }
    for (const value of reserved.keys()) whole.take(value)
    return [{ subnet, gateway, range: whole, reserved }]
  })
}
