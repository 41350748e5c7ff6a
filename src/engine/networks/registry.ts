import { invalid, notFound } from '#lib/errors.ts'
import type { Repository } from '#ports/store.ts'
import type { StoredNetwork } from './context.ts'

/** The networks there are: in memory for reading, in the store for good. */
export class Registry {
  readonly #store: Repository<StoredNetwork>
  readonly #byId = new Map<string, StoredNetwork>()
  readonly #byName = new Map<string, StoredNetwork>()

  constructor(store: Repository<StoredNetwork>) {
    this.#store = store
    for (const network of store.list()) this.#hold(network)
  }

  put(network: StoredNetwork): void {
    this.#store.put(network.id, network)
    this.#hold(network)
  }

  delete(id: string): void {
    const network = this.#byId.get(id)
    if (!network) return
    this.#store.delete(id)
    this.#byId.delete(id)
    this.#byName.delete(network.name)
  }

  all(): StoredNetwork[] {
    return [...this.#byId.values()]
  }

  byId(id: string): StoredNetwork | undefined {
    return this.#byId.get(id)
  }

  byName(name: string): StoredNetwork | undefined {
    return this.#byName.get(name)
  }

  /** By id, then name, then unique id prefix. @throws not-found `network NAME not found`, invalid when ambiguous */
  resolve(reference: string): StoredNetwork {
    const exact = this.#byId.get(reference) ?? this.#byName.get(reference)
    if (exact) return exact
    const matches =
      reference !== '' && /^[0-9a-f]+$/.test(reference) ? this.all().filter(one => one.id.startsWith(reference)) : []
    if (matches.length > 1) {
      throw invalid(`network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`)
    }
    if (!matches[0]) throw notFound(`network ${reference} not found`)
    return matches[0]
  }

  #hold(network: StoredNetwork): void {
    this.#byId.set(network.id, network)
    this.#byName.set(network.name, network)
  }
}
