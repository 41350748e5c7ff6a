import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { BerthError, invalid, notFound } from '#lib/errors.ts'
import type { BackupHeader, BackupSummary } from '#model/backup.ts'
import type { Archives, Packing, PackRequest, UnpackRequest } from '../archives.ts'

/** Content of files, by path. */
export type FakeTree = Map<string, string>

interface Stored {
  header: BackupHeader
  /** For each volume the files: their content, or nothing when the base has it. */
  trees: Record<string, { digest: string; content?: string }>[]
}

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
const END = 64

/**
 * Archives of trees in memory: JSON, then its digest. Enough for tests of who uses archives; the directories are keys
 * of `trees`. An archive of zeros alone is a foreign one without files.
 */
export class FakeArchives implements Archives {
  readonly trees = new Map<string, FakeTree>()

  pack(request: PackRequest): Packing {
    const { promise, resolve, reject } = Promise.withResolvers<BackupSummary>()
    promise.catch(() => {})
    let summary: BackupSummary | undefined
    const give = () => {
      try {
        const packed = this.#packed(request)
        summary = packed.summary
        stream.push(packed.bytes)
        stream.push(null)
      } catch (error) {
        reject(error as Error)
        stream.destroy(error as Error)
      }
    }
    const stream = new Readable({ read: give })
    stream.once('end', () => resolve(summary!))
    stream.once('close', () => reject(new BerthError('cancelled', 'the archive was not read to its end')))
    const progress = () => ({
      files: summary?.files ?? 0,
      bytes: summary?.bytes ?? 0,
      storedBytes: summary?.storedBytes ?? 0,
    })
    return { stream, progress, done: promise }
  }

  /** What is a base for `pack`, of an archive that it made. */
  index(archive: Buffer): Buffer {
    return archive.subarray(0, -END)
  }

  async unpack(input: Readable, request: UnpackRequest): Promise<BackupSummary> {
    const bytes = await buffer(input)
    if (bytes.length > 0 && bytes.every(byte => byte === 0)) return this.#foreign(bytes, request)
    const content = bytes.subarray(0, -END)
    if (sha256(content) !== bytes.toString('latin1', Math.max(0, bytes.length - END)))
      throw invalid('archive is damaged or not whole')
    const stored = JSON.parse(content.toString()) as Stored
    const places = await request.place(stored.header)
    for (const [i, tree] of stored.trees.entries()) {
      const place = places[i]
      if (place === undefined) continue
      const before = stored.header.base ? this.trees.get(place) : undefined
      this.trees.set(place, new Map(Object.entries(tree).map(([path, file]) => [path, restored(path, file, before)])))
    }
    return this.#summary(stored, bytes)
  }

  async digest(path: string): Promise<string> {
    return digestOf(filesOf(this.#tree(path)))
  }

  #packed(request: PackRequest): { bytes: Buffer; summary: BackupSummary } {
    const base = request.base && (JSON.parse(request.base.toString()) as Stored)
    const trees = request.paths.map((path, i) => {
      const files = filesOf(this.#tree(path))
      for (const [name, file] of Object.entries(files))
        if (base?.trees[i]?.[name]?.digest === file.digest) delete file.content
      return files
    })
    const stored: Stored = { header: request.header, trees }
    const content = Buffer.from(JSON.stringify(stored))
    const bytes = Buffer.concat([content, Buffer.from(sha256(content), 'latin1')])
    return { bytes, summary: this.#summary(stored, bytes) }
  }

  #summary({ header, trees }: Stored, bytes: Buffer): BackupSummary {
    const files = trees.flatMap(tree => Object.values(tree))
    return {
      header,
      files: files.length,
      bytes: files.reduce((sum, { content }) => sum + (content?.length ?? 0), 0),
      storedBytes: bytes.length,
      digest: sha256(bytes.subarray(0, -END)),
      treeDigests: trees.map(digestOf),
      changedWhileRead: [],
    }
  }

  async #foreign(bytes: Buffer, request: UnpackRequest): Promise<BackupSummary> {
    if (request.foreign === 'refuse') throw invalid('archive is no backup that berth made')
    const [place] = await request.place(undefined)
    if (place !== undefined) this.trees.set(place, new Map())
    const digest = sha256(bytes)
    const empty = { files: 0, bytes: 0, treeDigests: [digestOf({})], changedWhileRead: [] }
    return { header: undefined, storedBytes: bytes.length, digest, ...empty }
  }

  #tree(path: string): FakeTree {
    const tree = this.trees.get(path)
    if (!tree) throw notFound(`open directory ${path}: no such file or directory`)
    return tree
  }
}

function filesOf(tree: FakeTree): Record<string, { digest: string; content?: string }> {
  const sorted = Array.from(tree).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([path, content]) => [path, { digest: sha256(content), content }]))
}

function digestOf(files: Record<string, { digest: string }>): string {
  return sha256(JSON.stringify(Object.entries(files).map(([path, { digest }]) => [path, digest])))
}

function restored(path: string, file: { digest: string; content?: string }, before: FakeTree | undefined): string {
  const content = file.content ?? before?.get(path)
  if (content === undefined || sha256(content) !== file.digest)
    throw invalid(`archive is incremental and does not fit what was restored before it: ${path}`)
  return content
}
