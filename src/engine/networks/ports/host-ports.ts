import { conflict, isKind } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { PublishedPort } from '#model/container.ts'
import type { HostPorts } from '#ports/resolver.ts'
import type { PortWish, Protocol } from './wishes.ts'

interface Holding {
  address: string
  containerId: string
  containerPort: number
  /** Replicas of one group may hold one port together. */
  group: string | undefined
  /** The real port, shared with the other replicas that hold it. */
  hold: Hold
}

interface Hold {
  users: number
  release: () => void
}

/** Who takes a port, and for which of its own. */
type Taker = Pick<Holding, 'containerId' | 'containerPort' | 'group'>

/** Descriptors for holding ports, at most. Ports beyond are looked at when they are taken, but not held. */
const MAX_HELD = 256

const WILD = new Set(['0.0.0.0', '::'])
const clashes = (a: string, b: string): boolean =>
  a === b || (a.includes(':') === b.includes(':') && (WILD.has(a) || WILD.has(b)))

/** Which container holds which port of the host. The real port is held too, so that no other program gets it. */
export class HostPortTable {
  readonly #ports: HostPorts
  readonly #held = new Map<string, Holding[]>()
  /** Keys of `#held` by container. */
  readonly #byContainer = new Map<string, Set<string>>()
  #nextEphemeral = 0
  #descriptors = 0

  constructor(ports: HostPorts) {
    this.#ports = ports
  }

  /**
   * Binds each wish to a port, all or nothing. `addresses` says which host addresses a wish means.
   * @param nameOf a container's name, for the message
   * @param group replicas of one may share a port, where they ask for the same and nothing else is free
   * @throws conflict `Bind for 0.0.0.0:8080 failed: port is already allocated`
   */
  acquire(
    containerId: string,
    wishes: readonly PortWish[],
    addresses: (wish: PortWish) => readonly string[],
    rollback: Pick<Rollback, 'add'>,
    nameOf: (containerId: string) => string,
    group?: string,
  ): PublishedPort[] {
    const published: PublishedPort[] = []
    rollback.add('release host ports', () => this.give(containerId, published))
    const seen = new Set<string>()
    for (const wish of wishes) {
      const hosts = addresses(wish)
      if (hosts.length === 0) continue
      // The same binding twice in one request is one publication.
      const same = `${wish.containerPort} ${wish.protocol} ${hosts.join()} ${wish.low}-${wish.high}`
      if (wish.low !== 0 && wish.low === wish.high && seen.has(same)) continue
      seen.add(same)
      const taker = { containerId, containerPort: wish.containerPort, group }
      const hostPort = this.#bind(taker, wish, hosts, nameOf)
      for (const hostIp of hosts) {
        published.push({ containerPort: wish.containerPort, protocol: wish.protocol, hostIp, hostPort })
      }
    }
    return published
  }

  /** After a restart: takes ports that a live container already has. A port lost meanwhile is not an error here. */
  adopt(containerId: string, ports: readonly PublishedPort[], group?: string): void {
    for (const { containerPort, protocol, hostIp, hostPort } of ports) {
      const taker = { containerId, containerPort, group }
      const result = this.#try(taker, protocol, hostIp, hostPort, true)
      if (result !== 'held') this.#share(taker, protocol, hostIp, hostPort)
    }
  }

  /** Gives some of a container's ports back. */
  give(containerId: string, ports: readonly PublishedPort[]): void {
    for (const { protocol, hostIp, hostPort } of ports) this.#drop(containerId, protocol, hostIp, hostPort)
  }

  /** Holding none is success. */
  release(containerId: string): void {
    for (const key of this.#byContainer.get(containerId) ?? []) {
      const holdings = this.#held.get(key) ?? []
      const rest = holdings.filter(holding => holding.containerId !== containerId)
      for (const holding of holdings) if (holding.containerId === containerId) letGo(holding)
      if (rest.length > 0) this.#held.set(key, rest)
      else this.#held.delete(key)
    }
    this.#byContainer.delete(containerId)
  }

  #bind(taker: Taker, wish: PortWish, hosts: readonly string[], nameOf: (id: string) => string): number {
    let failure: { address: string; port: number; holder: string | undefined } | undefined
    for (const port of this.#candidates(wish)) {
      const taken: string[] = []
      let busy = false
      for (const address of hosts) {
        const result = this.#try(taker, wish.protocol, address, port, false)
        if (result === 'held') taken.push(address)
        else {
          failure = { address, port, holder: result.holder }
          busy = true
          break
        }
      }
      if (!busy) return port
      for (const address of taken) this.#drop(taker.containerId, wish.protocol, address, port)
    }
    const shared = this.#shared(taker, wish, hosts)
    if (shared !== undefined) return shared
    const { address = hosts[0]!, port = 0, holder } = failure ?? {}
    if (wish.low === 0) throw conflict(`all ports of the ephemeral range of ${address} are allocated`)
    const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
    if (holder === undefined) {
      throw conflict(
        `failed to bind host port for ${at}/${wish.protocol}: address already in use by a program outside berth`,
      )
    }
    throw conflict(`Bind for ${at} failed: port is already allocated (by container ${nameOf(holder)})`)
  }

  /** The first port of the wish that other replicas have on all of these addresses. An ephemeral one is each's own. */
  #shared(taker: Taker, { protocol, low, high }: PortWish, hosts: readonly string[]): number | undefined {
    if (taker.group === undefined || low === 0) return undefined
    for (let port = low; port <= high; port++) {
      if (!hosts.every(address => this.#sharable(taker, protocol, address, port))) continue
      for (const address of hosts) this.#share(taker, protocol, address, port)
      return port
    }
    return undefined
  }

  #sharable(taker: Taker, protocol: Protocol, address: string, port: number): boolean {
    const clashing = (this.#held.get(keyOf(protocol, port)) ?? []).filter(one => clashes(one.address, address))
    return (
      clashing.length > 0 &&
      clashing.every(
        one =>
          one.address === address &&
          one.group === taker.group &&
          one.containerPort === taker.containerPort &&
          one.containerId !== taker.containerId,
      )
    )
  }

  #share(taker: Taker, protocol: Protocol, address: string, port: number): void {
    if (taker.group === undefined || !this.#sharable(taker, protocol, address, port)) return
    const key = keyOf(protocol, port)
    const holdings = this.#held.get(key) ?? []
    const { hold } = holdings.find(one => one.address === address)!
    hold.users++
    this.#hold(key, { ...taker, address, hold })
  }

  #hold(key: string, holding: Holding): void {
    this.#held.set(key, [...(this.#held.get(key) ?? []), holding])
    let own = this.#byContainer.get(holding.containerId)
    if (!own) this.#byContainer.set(holding.containerId, (own = new Set()))
    own.add(key)
  }

  *#candidates(wish: PortWish): Generator<number> {
    if (wish.low !== 0) {
      for (let port = wish.low; port <= wish.high; port++) yield port
      return
    }
    const [low, high] = this.#ports.ephemeralRange()
    const count = high - low + 1
    for (let tried = 0; tried < count; tried++) {
      const port = low + (this.#nextEphemeral++ % count)
      if (!this.#held.has(keyOf(wish.protocol, port))) yield port
    }
  }

  /** @param force hold it even when the host's port cannot be had */
  #try(
    taker: Taker,
    protocol: Protocol,
    address: string,
    port: number,
    force: boolean,
  ): 'held' | { holder: string | undefined } {
    const key = keyOf(protocol, port)
    const holdings = this.#held.get(key) ?? []
    const holder = holdings.find(holding => clashes(holding.address, address))
    if (holder) return { holder: holder.containerId }
    let release = () => {}
    try {
      if (this.#descriptors < MAX_HELD) {
        const close = this.#ports.reserve(protocol, address, port)
        this.#descriptors++
        release = () => {
          this.#descriptors--
          close()
        }
      } else if (!force && !this.#ports.isFree(protocol, address, port)) return { holder: undefined }
    } catch (error) {
      // Only "in use" means taken. Out of descriptors, or an address that comes up later: the DNAT works without a hold.
      if (!force && (isKind(error, 'conflict') || errnoOf(error) === 'EADDRINUSE')) return { holder: undefined }
      if (!force && errnoOf(error) === 'EACCES') throw error
    }
    this.#hold(key, { ...taker, address, hold: { users: 1, release } })
    return 'held'
  }

  #drop(containerId: string, protocol: Protocol, address: string, port: number): void {
    const key = keyOf(protocol, port)
    const mine = (holding: Holding) => holding.containerId === containerId && holding.address === address
    const holdings = this.#held.get(key) ?? []
    for (const holding of holdings) if (mine(holding)) letGo(holding)
    const rest = holdings.filter(holding => !mine(holding))
    if (rest.length > 0) this.#held.set(key, rest)
    else this.#held.delete(key)
  }
}

function letGo({ hold }: Holding): void {
  if (--hold.users === 0) hold.release()
}

const keyOf = (protocol: Protocol, port: number): string => `${protocol} ${port}`

function errnoOf(error: unknown): unknown {
  const details = (error as { details?: Record<string, unknown> } | undefined)?.details
  return details?.errno ?? (error as { code?: unknown } | undefined)?.code
}
