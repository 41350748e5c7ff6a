import { createHash, type Hash } from 'node:crypto'
import { Transform, type Readable } from 'node:stream'
import { TarReader, toText, type ByteString, type TarEntry, type TarHandler } from '#codec/tar/index.ts'

interface Node {
  entry: TarEntry
  /** sha256 of the content with its holes. */
  digest: string
}

const ZEROS = Buffer.alloc(1 << 20)

/** What a tar archive holds, told from its bytes as they pass: for archives of different writers to be compared. */
export class TarTree implements TarHandler {
  readonly #nodes = new Map<ByteString, Node>()
  readonly #reader = new TarReader(this, { sparse: true })
  /** Name of the first member, the directory that was packed. */
  #root: ByteString | undefined
  #path = ''
  #entry: TarEntry | undefined
  #hash: Hash | undefined
  /** Of the content with its holes, and the stretch that comes next. */
  #at = 0
  #stretch = 0
  #files = 0
  #bytes = 0
  #attributes = 0

  /** The directory itself. */
  get root(): TarEntry | undefined {
    return this.#nodes.get('')?.entry
  }

  get files(): number {
    return this.#files
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Members with extended attributes, access lists among them. */
  get attributes(): number {
    return this.#attributes
  }

  /** The same bytes, looked at. */
  through(tar: Readable): Readable {
    const look = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          if (!this.#reader.ended) this.#reader.push(chunk)
          done(null, chunk)
        } catch (error) {
          done(error as Error)
        }
      },
      flush: done => {
        try {
          this.#reader.finish()
          done()
        } catch (error) {
          done(error as Error)
        }
      },
    })
    tar.on('error', error => look.destroy(error))
    look.on('close', () => tar.destroy())
    return tar.pipe(look)
  }

  /** Takes in all of it. */
  async read(tar: Readable): Promise<this> {
    for await (const _chunk of this.through(tar));
    return this
  }

  entry(entry: TarEntry): void {
    const name = entry.name.replace(/^(\.?\/+)+/, '').replace(/\/+(\.\/*)?$/, '')
    this.#root ??= name === '.' ? '' : name
    this.#path = this.#below(name)
    this.#entry = entry
    this.#hash = entry.type === 'file' ? createHash('sha256') : undefined
    this.#at = this.#stretch = 0
    if (entry.xattrs && entry.xattrs.size > 0) this.#attributes++
  }

  data(chunk: Buffer): void {
    const map = this.#entry!.data
    this.#bytes += chunk.length
    if (!map) return void this.#hash?.update(chunk)
    for (let from = 0; from < chunk.length;) {
      const [offset, length] = map[this.#stretch]!
      this.#holeTo(offset)
      const part = chunk.subarray(from, from + offset + length - this.#at)
      this.#hash?.update(part)
      this.#at += part.length
      from += part.length
      if (this.#at === offset + length) this.#stretch++
    }
  }

  end(): void {
    const entry = this.#entry!
    if (entry.data) this.#holeTo(entry.size)
    this.#files++
    this.#nodes.set(this.#path, { entry, digest: this.#hash?.digest('hex') ?? '' })
  }

  /** One line a path, in the order of paths: alike for archives that unpack to the same. */
  lines(): Map<string, string> {
    const groups = new Map<ByteString, ByteString[]>()
    const origin = (path: ByteString): ByteString => {
      const node = this.#nodes.get(path)
      return node?.entry.type === 'link' ? origin(this.#below(clean(node.entry.linkName))) : path
    }
    for (const path of this.#nodes.keys()) {
      const first = origin(path)
      groups.set(first, [...(groups.get(first) ?? []), path])
    }
    const lines = new Map<string, string>()
    for (const [first, paths] of groups) {
      const node = this.#nodes.get(first)
      const links = paths.length > 1 ? paths.sort().join('\0') : ''
      for (const path of paths) lines.set(path, node ? `${lineOf(node)} ${links}` : `link to nowhere ${links}`)
    }
    return new Map(Array.from(lines).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  digest(): string {
    const hash = createHash('sha256')
    for (const [path, line] of this.lines()) hash.update(`${path}\0${line}\n`)
    return hash.digest('hex')
  }

  /** Paths that are not the same in both, in words. */
  differences(other: TarTree): string[] {
    const [ours, theirs] = [this.lines(), other.lines()]
    const found: string[] = []
    for (const [path, line] of ours) {
      const shown = toText(path) || '.'
      const there = theirs.get(path)
      if (there === undefined) found.push(`${shown} is missing`)
      else if (there !== line) found.push(`${shown} differs (${line.trim()}, there ${there.trim()})`)
    }
    for (const path of theirs.keys()) if (!ours.has(path)) found.push(`${toText(path)} is there too`)
    return found
  }

  #below(name: ByteString): ByteString {
    const root = this.#root ?? ''
    if (name === root || name === '.') return ''
    return root !== '' && name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name
  }

  #holeTo(offset: number): void {
    while (this.#at < offset) {
      const zeros = ZEROS.subarray(0, Math.min(ZEROS.length, offset - this.#at))
      this.#hash?.update(zeros)
      this.#at += zeros.length
    }
  }
}

function clean(name: ByteString): ByteString {
  return name.replace(/^(\.?\/+)+/, '')
}

/** Times to the second: Docker's archives have no more. */
function lineOf({ entry, digest }: Node): string {
  const { type, mode, uid, gid, mtime, linkName, major, minor } = entry
  const parts = [type, (mode & 0o7777).toString(8), `${uid}:${gid}`, mtime.seconds]
  if (type === 'symlink') return ['symlink', `${uid}:${gid}`, linkName].join(' ')
  if (type === 'file') parts.push(digest)
  if (type === 'char' || type === 'block') parts.push(`${major}:${minor}`)
  return parts.join(' ')
}
