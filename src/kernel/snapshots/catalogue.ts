import { conflict, notFound } from '#lib/errors.ts'
import type { Repository } from '#ports/store.ts'

/** What the store knows of a snapshot. */
export interface SnapshotRecord {
  key: string
  /** Directory `snapshots/N`; short, and never used twice. */
  n: number
  parent: string | undefined
  kind: 'committed' | 'active'
  /** Bytes on disk of a committed one. */
  size: number
  ephemeral?: boolean
}

/** The records with an index of children, so that no question takes longer the more snapshots there are. */
export class Catalogue {
  readonly #records: Repository<SnapshotRecord>
  readonly #children = new Map<string, Set<string>>()

  constructor(records: Repository<SnapshotRecord>) {
    this.#records = records
    for (const { key, parent } of records.list()) this.#index(key, parent)
  }

  list(): SnapshotRecord[] {
    return this.#records.list()
  }

  has(key: string): boolean {
    return this.#records.get(key) !== undefined
  }

  /** @throws not-found */
  get(key: string): SnapshotRecord {
    const record = this.#records.get(key)
    if (!record) throw notFound(`snapshot ${key} does not exist`)
    return record
  }

  find(key: string): SnapshotRecord | undefined {
    return this.#records.get(key)
  }

  /** @throws conflict or not-found when `key` cannot be made on `parent` */
  checkNew(key: string, parent: string | undefined): void {
    if (this.has(key)) throw conflict(`snapshot ${key} exists already`)
    if (parent !== undefined && this.get(parent).kind === 'active')
      throw conflict(`snapshot ${parent} is writable and cannot be a parent`)
  }

  add(record: SnapshotRecord): void {
    this.checkNew(record.key, record.parent)
    this.#records.put(record.key, record)
    this.#index(record.key, record.parent)
  }

  /** @throws conflict naming a child */
  checkUnused(key: string): void {
    for (const child of this.#children.get(key) ?? [])
      throw conflict(`snapshot ${key} is the parent of ${child}: remove that first`)
  }

  remove(key: string): void {
    this.checkUnused(key)
    const parent = this.#records.get(key)?.parent
    this.#records.delete(key)
    if (parent === undefined) return
    const siblings = this.#children.get(parent)
    siblings?.delete(key)
    if (siblings?.size === 0) this.#children.delete(parent)
  }

  /** The snapshot's ancestors, its parent first. */
  ancestors(key: string): SnapshotRecord[] {
    const chain: SnapshotRecord[] = []
    for (let at = this.get(key).parent; at !== undefined;) {
      const record = this.get(at)
      chain.push(record)
      at = record.parent
    }
    return chain
  }

  #index(key: string, parent: string | undefined): void {
    if (parent === undefined) return
    const siblings = this.#children.get(parent) ?? new Set()
    this.#children.set(parent, siblings.add(key))
  }
}
