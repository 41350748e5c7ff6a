import { conflict, invalid, notFound } from '#lib/errors.ts'
import type { ContainerRecord, ContainerState } from '#model/container.ts'
import type { Repository, Store } from '#ports/store.ts'

const SHORT = 12

/**
 * Every container's record: in memory for reading, written through to the store. Records are replaced, never changed
 * in place. Names are an index here; a name is reserved before its record exists.
 */
export class Records {
  readonly #repository: Repository<ContainerRecord>
  readonly #byId = new Map<string, ContainerRecord>()
  readonly #names = new Map<string, string>()
  readonly #byShort = new Map<string, Set<string>>()
  readonly #byVolume = new Map<string, Set<string>>()

  constructor(store: Store) {
    this.#repository = store.repository<ContainerRecord>('containers')
    for (const record of this.#repository.list()) this.#index(record)
  }

  all(): ContainerRecord[] {
    return Array.from(this.#byId.values())
  }

  get(id: string): ContainerRecord | undefined {
    return this.#byId.get(id)
  }

  /** By id, name (with or without slash) or unique id prefix. @throws not-found, or invalid when ambiguous */
  find(reference: string): ContainerRecord {
    const id = this.#byId.has(reference) ? reference : (this.#names.get(bare(reference)) ?? this.#byPrefix(reference))
    const record = id === undefined ? undefined : this.#byId.get(id)
    if (!record) throw notFound(`No such container: ${reference}`)
    return record
  }

  /** @throws conflict in Docker's words when another container has the name */
  reserveName(name: string, id: string): void {
    const owner = this.#names.get(name)
    if (owner !== undefined && owner !== id) {
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${owner}". ` +
          'You have to remove (or rename) that container to be able to reuse that name.',
      )
    }
    this.#names.set(name, id)
  }

  isNameFree(name: string): boolean {
    return !this.#names.has(name)
  }

  releaseName(name: string, id: string): void {
    if (this.#names.get(name) === id) this.#names.delete(name)
  }

  insert(record: ContainerRecord): void {
    this.#repository.put(record.id, record)
    this.#index(record)
  }

  /** @throws not-found when it has been removed meanwhile */
  update(id: string, change: Partial<ContainerRecord>): ContainerRecord {
    const before = this.#byId.get(id)
    if (!before) throw notFound(`No such container: ${id}`)
    const after = { ...before, ...change }
    this.#repository.put(id, after)
    this.#byId.set(id, after)
    return after
  }

  setState(id: string, state: ContainerState): ContainerRecord {
    return this.update(id, { state })
  }

  delete(id: string): void {
    const record = this.#byId.get(id)
    this.#repository.delete(id)
    this.#byId.delete(id)
    const short = this.#byShort.get(id.slice(0, SHORT))
    short?.delete(id)
    if (short?.size === 0) this.#byShort.delete(id.slice(0, SHORT))
    for (const name of volumesOf(record)) {
      const users = this.#byVolume.get(name)
      users?.delete(id)
      if (users?.size === 0) this.#byVolume.delete(name)
    }
    if (record) this.releaseName(record.name, id)
  }

  #index(record: ContainerRecord): void {
    this.#byId.set(record.id, record)
    this.#names.set(record.name, record.id)
    const short = record.id.slice(0, SHORT)
    const ids = this.#byShort.get(short)
    if (ids) ids.add(record.id)
    else this.#byShort.set(short, new Set([record.id]))
    for (const name of volumesOf(record)) {
      const users = this.#byVolume.get(name)
      if (users) users.add(record.id)
      else this.#byVolume.set(name, new Set([record.id]))
    }
  }

  /** Ids of the containers that refer to a volume. */
  volumeUsers(name: string): string[] {
    return Array.from(this.#byVolume.get(name) ?? [])
  }

  #byPrefix(prefix: string): string | undefined {
    if (!/^[0-9a-f]+$/.test(prefix)) return undefined
    // Twelve digits are what people paste: no scan for those.
    const candidates = prefix.length >= SHORT ? (this.#byShort.get(prefix.slice(0, SHORT)) ?? []) : this.#byId.keys()
    let found: string | undefined
    for (const id of candidates) {
      if (!id.startsWith(prefix)) continue
      if (found !== undefined) throw invalid(`multiple IDs found with provided prefix: ${prefix}`)
      found = id
    }
    return found
  }
}

function volumesOf(record: ContainerRecord | undefined): string[] {
  return (record?.mountPlan ?? []).filter(plan => plan.type === 'volume').map(plan => plan.source)
}

function bare(reference: string): string {
  return reference.startsWith('/') ? reference.slice(1) : reference
}
