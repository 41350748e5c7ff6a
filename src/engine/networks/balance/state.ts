import type { LiveSandbox } from '../context.ts'
import type { Element } from '../firewall/ruleset.ts'
import type { Membership } from './group.ts'

/** The replicas of one service. */
export interface Group extends Omit<Membership, 'mode'> {
  /** Containers that exist, run or not: the group's addresses stay for as long as there is one. */
  known: Set<string>
  /** Those that run, by container id. */
  members: Map<string, Member>
  /** The group's address in each network, by network id. */
  vips: Map<string, Vip>
}

export interface Member {
  sandbox: LiveSandbox
  group: Group
  mode: Membership['mode']
  /** `starting`: nothing listens yet; `draining`: no new connection is to come. */
  phase: 'starting' | 'serving' | 'draining'
  /** Milliseconds since the epoch when its process began to run; 0 before. */
  since: number
  /** Ends the wait for its listener. */
  stop: AbortController
}

/** One address for all replicas of a group in one network, of each family that the network has. */
export interface Vip {
  /** What a DNS answer calls it by. */
  key: string
  networkId: string
  group: Group
  ipv4: string
  ipv6: string
  /** Sandboxes that have the translation of this address. */
  clients: Set<Client>
  /** Names that stand for it. */
  names: readonly string[]
  /** What clients were told last, to say nothing when nothing changed. */
  told: string
}

/** A sandbox whose programs use addresses of groups. */
export interface Client {
  /** Of the network namespace. */
  path: string
  vips: Set<Vip>
  /** Those that the kernel of the sandbox has. */
  ready: Set<Vip>
  stale: Set<Vip>
  /** Addresses to take away. */
  gone: string[]
  /** The next transaction makes the table anew. */
  fresh: boolean
  running: Promise<void> | undefined
}

/** A published port that members of a group share, as the packet filter has it. */
export interface SharedPort {
  elements: Element[]
  /** Replica of each slot, while there is more than one. */
  slots: string[]
}

/** What is known of replicas. Data only: the verbs of this folder change it. */
export class Balance {
  /** By `PROJECT/SERVICE`. */
  readonly groups = new Map<string, Group>()
  /** Key of the group of each container that has one. */
  readonly groupOf = new Map<string, string>()
  /** By container id. */
  readonly members = new Map<string, Member>()
  readonly vips = new Map<string, Vip>()
  /** By container id. */
  readonly clients = new Map<string, Client>()
  /** Clients that are looked at after a restart, by container id: until then it is not known what they have. */
  readonly resuming = new Map<string, Promise<void>>()
  /** By protocol, host address and port. */
  readonly ports = new Map<string, SharedPort>()

  /** Whether the container shares its published ports with others: then they are not among its own elements. */
  shares(containerId: string): boolean {
    return this.members.has(containerId)
  }
}

/** Holder of a group's addresses in the leases: no container id begins so. */
export const leaseHolder = (groupKey: string): string => `vip:${groupKey}`

/** The group that a lease belongs to; undefined for a container's. */
export const groupOfLease = (holder: string): string | undefined =>
  holder.startsWith('vip:') ? holder.slice(4) : undefined

/** Members that are in the network and ready. */
export function membersIn(group: Group, networkId: string): Member[] {
  return [...group.members.values()].filter(({ sandbox }) => sandbox.ready && sandbox.endpoints.has(networkId))
}

/**
 * Those who may get new connections: the serving and healthy; if there is none, the healthy that only begin; then
 * whoever is not on its way out.
 */
export function servingMembers(members: readonly Member[]): Member[] {
  const serving = members.filter(serves)
  if (serving.length > 0) return serving
  const staying = members.filter(member => member.phase !== 'draining')
  const healthy = staying.filter(member => member.sandbox.healthy)
  return [healthy, staying].find(some => some.length > 0) ?? [...members]
}

export const serves = ({ phase, sandbox }: Member): boolean => phase === 'serving' && sandbox.healthy
