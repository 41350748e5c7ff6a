import type { ImageRecord } from '#model/image.ts'
import type { Repository, Store } from '#ports/store.ts'

/**
 * The images in store, with the look-ups that policy needs: by id, by name, by what they are made of. Records handed
 * out are never changed in place; a change is a new record given to `put`.
 */
export class Catalog {
  readonly #store: Store
  readonly #rows: Repository<ImageRecord>
  readonly #images = new Map<string, ImageRecord>()
  /** Normalized reference to image id. */
  readonly #references = new Map<string, string>()
  /** Blob digest or chain id to the number of images that need it. */
  readonly #uses = new Map<string, number>()
  /** Bytes on disk by chain id. */
  readonly #layerSizes = new Map<string, number>()
  readonly #children = new Map<string, Set<string>>()
  /** Hex parts of all ids, sorted; undefined while out of date. */
  #sorted: string[] | undefined

  constructor(store: Store) {
    this.#store = store
    this.#rows = store.repository<ImageRecord>('images')
    for (const record of this.#rows.list()) this.#add(record)
  }

  get(id: string): ImageRecord | undefined {
    return this.#images.get(id)
  }

  byReference(normalized: string): ImageRecord | undefined {
    const id = this.#references.get(normalized)
    return id === undefined ? undefined : this.#images.get(id)
  }

  list(): ImageRecord[] {
    return Array.from(this.#images.values())
  }

  /** At most two ids that begin with the hex digits: enough to tell none, one and several apart. */
  withPrefix(hex: string): string[] {
    const sorted = (this.#sorted ??= Array.from(this.#images.keys(), id => id.slice(7)).sort())
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (sorted[middle]! < hex) low = middle + 1
      else high = middle
    }
    return sorted
      .slice(low, low + 2)
      .filter(id => id.startsWith(hex))
      .map(id => `sha256:${id}`)
  }

  /** Images whose parent it is. */
  children(id: string): string[] {
    return Array.from(this.#children.get(id) ?? [])
  }

  /** How many images need a blob or a layer. */
  uses(key: string): number {
    return this.#uses.get(key) ?? 0
  }

  /** Bytes on disk of a layer that some image has. */
  layerSize(chainId: string): number | undefined {
    return this.#layerSizes.get(chainId)
  }

  /** Stores a record. Names it carries are taken from whichever image has them. */
  put(record: ImageRecord): void {
    const changed = new Map<string, ImageRecord>([[record.id, record]])
    for (const reference of [...record.tags, ...record.digests]) {
      const owner = this.#references.get(reference)
      if (owner === undefined || owner === record.id) continue
      const before = changed.get(owner) ?? this.#images.get(owner)!
      changed.set(owner, {
        ...before,
        tags: before.tags.filter(tag => tag !== reference),
        digests: before.digests.filter(digest => digest !== reference),
      })
    }
    this.#store.transaction(() => {
      for (const [id, next] of changed) this.#rows.put(id, next)
    })
    // Only once it is on disk; those that lose a name first, so that the new owner's entry is the last written.
    for (const [id, next] of Array.from(changed).reverse()) {
      this.#drop(id)
      this.#add(next)
    }
  }

  delete(id: string): void {
    this.#rows.delete(id)
    this.#drop(id)
  }

  #add(record: ImageRecord): void {
    this.#images.set(record.id, record)
    for (const reference of [...record.tags, ...record.digests]) this.#references.set(reference, record.id)
    for (const key of partsOf(record)) this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1)
    for (const layer of record.layers) this.#layerSizes.set(layer.chainId, layer.size)
    if (record.parent) {
      const siblings = this.#children.get(record.parent) ?? new Set()
      this.#children.set(record.parent, siblings.add(record.id))
    }
    this.#sorted = undefined
  }

  #drop(id: string): void {
    const record = this.#images.get(id)
    if (!record) return
    this.#images.delete(id)
    for (const reference of [...record.tags, ...record.digests]) {
      if (this.#references.get(reference) === id) this.#references.delete(reference)
    }
    for (const key of partsOf(record)) {
      const left = this.#uses.get(key)! - 1
      if (left > 0) this.#uses.set(key, left)
      else {
        this.#uses.delete(key)
        this.#layerSizes.delete(key)
      }
    }
    const siblings = this.#children.get(record.parent)
    siblings?.delete(id)
    if (siblings?.size === 0) this.#children.delete(record.parent)
    this.#sorted = undefined
  }
}

/** Blob digests that an image needs, each once. */
export function blobsOf(record: ImageRecord): string[] {
  return Array.from(new Set([record.id, record.manifestDigest, ...record.layers.map(layer => layer.digest)]))
}

/** Blob digests and chain ids: an uncompressed first layer has one name for both, and counts once. */
function partsOf(record: ImageRecord): Set<string> {
  return new Set([...blobsOf(record), ...record.layers.map(layer => layer.chainId)])
}
