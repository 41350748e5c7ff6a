import { Readable } from 'node:stream'
import { invalid, notFound } from '#lib/errors.ts'
import type { TreeAttributes, TreeEntry, TreeFile, VolumeTree, VolumeTrees } from '#ports/volume-tree.ts'

export class FakeVolumeTrees implements VolumeTrees {
  readonly trees = new Map<string, FakeVolumeTree>()

  async open(root: string): Promise<FakeVolumeTree> {
    const tree = this.trees.get(root) ?? new FakeVolumeTree()
    this.trees.set(root, tree)
    return tree
  }
}

export class FakeVolumeTree implements VolumeTree {
  readonly files = new Map<string, { file: TreeFile; bytes: Buffer }>()
  /** Paths that cannot be looked at, and why. */
  readonly skipped = new Map<string, string>()
  closed = 0

  async *walk(): AsyncGenerator<TreeEntry> {
    const paths = [...this.files.keys(), ...this.skipped.keys()]
    for (const path of paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
      const reason = this.skipped.get(path)
      yield reason === undefined ? { file: this.files.get(path)!.file } : { skipped: path, reason }
    }
  }

  async stat(path: string): Promise<TreeFile | undefined> {
    return this.files.get(path)?.file
  }

  async read(path: string): Promise<{ file: TreeFile; content: Readable }> {
    const found = this.files.get(path)
    if (!found) throw notFound(`${path}: no such file`)
    return { file: found.file, content: Readable.from([found.bytes], { objectMode: false }) }
  }

  async write(path: string, content: Readable, attributes: TreeAttributes): Promise<void> {
    const pieces: Buffer[] = []
    const segments = path.split('/')
    const above = segments.map((_, index) => segments.slice(0, index).join('/'))
    const inside = Array.from(this.files.keys()).some(one => one.startsWith(`${path}/`))
    if (segments.some(one => ['', '.', '..'].includes(one) || one.includes('\0'))) throw invalid(`bad path ${path}`)
    if (inside || above.some(one => this.files.has(one))) throw invalid(`${path} is a directory, or below a file`)
    for await (const piece of content as AsyncIterable<Buffer>) pieces.push(piece)
    const bytes = Buffer.concat(pieces)
    const { modified, mode = 0o644, uid = 0, gid = 0 } = attributes
    this.files.set(path, { bytes, file: { path, size: bytes.length, modified, mode, uid, gid } })
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path)
  }

  async close(): Promise<void> {
    this.closed++
  }
}
