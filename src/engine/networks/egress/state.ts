import type { EgressEntry } from '#model/egress.ts'
import type { Repository, Store } from '#ports/store.ts'
import type { Element } from '../firewall/ruleset.ts'
import type { Family } from '../ipam/address.ts'
import type { Space } from './space.ts'
import type { Cidr } from '../ipam/address.ts'

/** A policy with where it is written. */
export interface Policy {
  /** `container` or `network NAME`. */
  of: string
  text: string
  entries: readonly EgressEntry[]
}

/** One source address, whose packets must pass every policy of it. */
export interface Source {
  address: string
  family: Family
  /** Of its interface. */
  mac: string
  policies: readonly Policy[]
  /** What may be reached whatever names stand for; no two parts overlap. */
  fixed: readonly Part[]
}

export interface Part {
  cidr: Cidr
  space: Space
}

/** An address that a DNS answer gave for an allowed name. */
export interface Learned {
  /** Milliseconds since the epoch until when, by name. */
  names: Map<string, number>
  elements: readonly Element[]
  /** While the packet filter does not have it yet. */
  pending: Promise<void> | undefined
}

/** A sandbox with a policy. */
export interface Limited {
  containerId: string
  /** Milliseconds since the epoch: drops of who had the address before are not its own. */
  since: number
  sources: readonly Source[]
  /** Elements of the sources and their fixed parts. */
  fixed: readonly Element[]
  /** By address. */
  learned: Map<string, Learned>
  /** What the counters of tables before this one said, by source address. */
  droppedBefore: Map<string, number>
}

/** Addresses with names and their ends, milliseconds since the epoch: what a daemon that was killed must not forget. */
export interface StoredNames {
  containerId: string
  addresses: Record<string, Record<string, number>>
  /** Packets by source address. */
  dropped: Record<string, number>
}

/** Data only: the verbs of this folder change it. */
export class Egress {
  /** By container id; a sandbox without a policy is not here. */
  readonly limited = new Map<string, Limited>()
  readonly stored: Repository<StoredNames>

  constructor(store: Store) {
    this.stored = store.repository('egress')
  }
}
