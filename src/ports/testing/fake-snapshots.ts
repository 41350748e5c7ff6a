import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { conflict, invalid, notFound } from '#lib/errors.ts'
import type { Snapshots } from '#ports/content.ts'

interface Snapshot {
  parent: string | undefined
  committed: boolean
  size: number
  mounted: boolean
  tar: Buffer
  changes: { Path: string; Kind: 0 | 1 | 2 }[]
}

/** Snapshots in memory: layers are hashed but not unpacked; `rootfs/KEY` stands for the mount point. */
export class FakeSnapshots implements Snapshots {
  readonly snapshots = new Map<string, Snapshot>()
  readonly #root: string

  constructor(root = '/fake/rootfs') {
    this.#root = root
  }

  exists(key: string): boolean {
    return this.snapshots.has(key)
  }

  parentOf(key: string): string | undefined {
    return this.#snapshot(key).parent
  }

  async unpack(
    key: string,
    parent: string | undefined,
    layer: Readable,
    onProgress?: (bytes: number) => void,
    expectedDiffId?: string,
  ): Promise<{ diffId: string; size: number }> {
    this.#newKey(key, parent)
    const packed: Buffer[] = []
    for await (const chunk of layer) packed.push(chunk as Buffer)
    const tar = await unpacked(Buffer.concat(packed))
    onProgress?.(tar.length)
    const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}`
    if (expectedDiffId !== undefined && expectedDiffId !== diffId)
      throw invalid(`layer unpacks to ${diffId}, ${expectedDiffId} was announced: the image is corrupt`)
    this.#newKey(key, parent)
    this.snapshots.set(key, { parent, committed: true, size: tar.length, mounted: false, tar, changes: [] })
    return { diffId, size: tar.length }
  }

  async prepare(key: string, parent: string | undefined): Promise<void> {
    this.#newKey(key, parent)
    this.snapshots.set(key, {
      parent,
      committed: false,
      size: 0,
      mounted: false,
      tar: Buffer.alloc(1024),
      changes: [],
    })
  }

  async mount(key: string): Promise<string> {
    this.#snapshot(key).mounted = true
    return `${this.#root}/${key}`
  }

  async unmount(key: string): Promise<void> {
    const snapshot = this.snapshots.get(key)
    if (snapshot) snapshot.mounted = false
  }

  isMounted(key: string): boolean {
    return this.snapshots.get(key)?.mounted ?? false
  }

  async diff(key: string): Promise<Readable> {
    return Readable.from([this.#snapshot(key).tar])
  }

  async changes(key: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]> {
    return structuredClone(this.#snapshot(key).changes)
  }

  tree(key: string): { path: string; witness: string; inUse: boolean } {
    const { mounted } = this.#snapshot(key)
    return { path: `${this.#root}/${key}/fs`, witness: `${this.#root}/${key}/work`, inUse: mounted }
  }

  async usage(key: string): Promise<number> {
    return this.#snapshot(key).size
  }

  async remove(key: string): Promise<void> {
    for (const [child, snapshot] of this.snapshots) {
      if (snapshot.parent === key) throw conflict(`snapshot ${key} is the parent of ${child}: remove that first`)
    }
    this.snapshots.delete(key)
  }

  list(): string[] {
    return Array.from(this.snapshots.keys())
  }

  async sweep(referenced?: ReadonlySet<string>): Promise<number> {
    if (!referenced) return 0
    const kept = new Set<string>()
    for (const key of referenced) {
      for (let at: string | undefined = key; at && !kept.has(at); at = this.snapshots.get(at)?.parent) kept.add(at)
    }
    let freed = 0
    for (const [key, snapshot] of Array.from(this.snapshots)) {
      if (kept.has(key)) continue
      freed += snapshot.size
      this.snapshots.delete(key)
    }
    return freed
  }

  #snapshot(key: string): Snapshot {
    const snapshot = this.snapshots.get(key)
    if (!snapshot) throw notFound(`snapshot ${key} does not exist`)
    return snapshot
  }

  #newKey(key: string, parent: string | undefined): void {
    if (this.snapshots.has(key)) throw conflict(`snapshot ${key} exists already`)
    if (parent === undefined) return
    if (!this.#snapshot(parent).committed) throw conflict(`snapshot ${parent} is writable and cannot be a parent`)
  }
}

async function unpacked(bytes: Buffer): Promise<Buffer> {
  const codec =
    bytes.length >= 4 && bytes.readUInt16BE(0) === 0x1f8b
      ? createGunzip()
      : bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528
        ? createZstdDecompress()
        : undefined
  if (!codec) return bytes
  const parts: Buffer[] = []
  for await (const chunk of Readable.from([bytes]).pipe(codec)) parts.push(chunk as Buffer)
  return Buffer.concat(parts)
}
