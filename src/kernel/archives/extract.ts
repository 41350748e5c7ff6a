import { invalid } from '#lib/errors.ts'
import { ContentDigest, digestOf } from '#codec/backup/index.ts'
import { toText } from '#codec/tar/index.ts'
import type { ByteString, TarEntry, TarHandler } from '#codec/tar/index.ts'
import type { BackupEntry, BackupHeader } from '#model/backup.ts'
import * as libc from '../ffi/libc.ts'
import { dataBetween } from './content.ts'
import type { Stretch } from './content.ts'
import { entryOfMember } from './members.ts'
import { finish, setXattrs } from './place.ts'
import type { Place } from './place.ts'
import { seek, setTimesOf, truncate, writeFully } from './sys.ts'

export interface ExtractHost {
  /** undefined: checked, but written nowhere. */
  places: (Place | undefined)[]
  header: BackupHeader | undefined
  /** Called with each member once it is there, in the order of the archive. */
  onEntry: (entry: BackupEntry) => void
  onProgress: (files: number, bytes: number) => void
}

interface OpenFile {
  /** -1 when it is written nowhere. */
  fd: number
  entry: BackupEntry
  /** undefined until the content comes in more than one piece, or for archives whose content nobody vouches for. */
  digest: ContentDigest | undefined
  /** Stretches of data, the one that is being written, and where in it. */
  data: Stretch[] | undefined
  next: number
  within: number
  /** Whether the bytes of the holes are in the archive too. */
  full: boolean
  position: number
}

/** Makes what the members of an archive say. Metadata of directories is left to `finishTree`. */
export class Extract implements TarHandler {
  readonly #host: ExtractHost
  readonly #volumes: Map<string, number>
  #file: OpenFile | undefined
  files = 0
  bytes = 0

  constructor(host: ExtractHost) {
    this.#host = host
    this.#volumes = new Map(host.header?.volumes.map(({ name }, i) => [name, i]))
  }

  entry(member: TarEntry): void {
    const { volume, path } = this.#locate(member.name)
    const link = member.type === 'link' ? this.#locate(member.linkName) : undefined
    if (link && link.volume !== volume)
      throw invalid(`archive member ${toText(member.name)} is a link out of its volume`)
    const entry = entryOfMember(member, { volume, path, ...(link ? { link: link.path } : {}) })
    const place = this.#host.places[volume]
    if (path === '' && entry.type !== 'directory') throw invalid('archive has a root that is no directory')
    if (entry.type === 'file') return this.#begin(place, entry, member)
    if (place) this.#make(place, entry)
    this.#host.onEntry(entry)
  }

  #make(place: Place, entry: BackupEntry): void {
    if (!this.#host.header) place.makeParents(entry.path)
    if (entry.type === 'directory') place.makeDirectory(entry.path)
    else if (entry.type === 'link') place.makeLink(entry)
    else place.makeNode(entry)
  }

  data(chunk: Buffer): void {
    const file = this.#file!
    const { entry } = file
    if (this.#host.header && (!file.data || file.full)) {
      if (chunk.length === entry.size) entry.digest = digestOf(chunk, 0, chunk.length)
      else (file.digest ??= new ContentDigest()).update(chunk)
    }
    this.bytes += chunk.length
    if (!file.data) write(file, chunk)
    else if (file.full) this.#writeFull(file, file.data, chunk)
    else this.#writeSparse(file, file.data, chunk)
    this.#host.onProgress(this.files, this.bytes)
  }

  end(): void {
    const file = this.#file
    if (!file) return
    const { fd, entry } = file
    this.#file = undefined
    this.files++
    try {
      if (file.data && !file.full) file.digest?.zeros(entry.size - file.position)
      if (this.#host.header) entry.digest ??= (file.digest ?? new ContentDigest()).finish()
      if (fd >= 0) finishFile(fd, entry)
    } finally {
      if (fd >= 0) libc.close(fd)
    }
    this.#host.onEntry(entry)
    this.#host.onProgress(this.files, this.bytes)
  }

  /** After a failure. */
  abort(): void {
    if (this.#file && this.#file.fd >= 0) libc.close(this.#file.fd)
    this.#file = undefined
  }

  #begin(place: Place | undefined, entry: BackupEntry, member: TarEntry): void {
    if (place && !this.#host.header) place.makeParents(entry.path)
    const fd = place ? place.makeFile(entry) : -1
    const data = member.data ?? (entry.holes && dataBetween(entry.holes, entry.size))
    const full = member.data === undefined
    const digest = this.#host.header && data && !full ? new ContentDigest() : undefined
    this.#file = { fd, entry, digest, data, next: 0, within: 0, full, position: 0 }
    if (data && fd >= 0) truncate(fd, entry.size, () => toText(entry.path))
  }

  /** Holes come as zeros, which are passed over. */
  #writeFull(file: OpenFile, data: Stretch[], chunk: Buffer): void {
    const shown = () => toText(file.entry.path)
    for (let done = 0; done < chunk.length;) {
      const [offset, length] = data[file.next] ?? [file.entry.size, 0]
      if (file.position < offset) {
        const hole = chunk.subarray(done, done + offset - file.position)
        if (!isZero(hole)) throw invalid(`archive has data of ${shown()} where it says that there is none`)
        file.position += hole.length
        done += hole.length
        continue
      }
      if (file.position === offset && file.fd >= 0) seek(file.fd, offset, shown)
      const part = chunk.subarray(done, done + offset + length - file.position)
      if (part.length === 0) throw invalid(`archive has more of ${shown()} than it says`)
      write(file, part)
      file.position += part.length
      done += part.length
      if (file.position === offset + length) file.next++
    }
  }

  /** Only the data comes; the digest is told of the holes. */
  #writeSparse(file: OpenFile, data: Stretch[], chunk: Buffer): void {
    const shown = () => toText(file.entry.path)
    for (let done = 0; done < chunk.length;) {
      const stretch = data[file.next]
      if (!stretch) throw invalid(`archive has more of ${shown()} than it says`)
      const [offset, length] = stretch
      if (file.within === 0) {
        if (file.fd >= 0) seek(file.fd, offset, shown)
        file.digest?.zeros(offset - file.position)
      }
      const part = chunk.subarray(done, done + length - file.within)
      write(file, part)
      file.digest?.update(part)
      file.within += part.length
      done += part.length
      if (file.within < length) continue
      file.position = offset + length
      file.within = 0
      file.next++
    }
  }

  #locate(name: ByteString): { volume: number; path: ByteString } {
    const path = clean(name)
    if (!this.#host.header || this.#host.header.volumes.length === 1) return { volume: 0, path }
    const slash = path.indexOf('/')
    const volume = this.#volumes.get(slash < 0 ? path : path.slice(0, slash))
    if (volume === undefined) throw invalid(`archive member ${toText(name)} is of no volume of the archive`)
    return { volume, path: slash < 0 ? '' : path.slice(slash + 1) }
  }
}

/**
 * A member's name as a relative path without `.` and empty components.
 *
 * @throws invalid when it leads out of the archive
 */
function clean(name: ByteString): ByteString {
  // As ours are, and most others.
  const plain = name.slice(name.startsWith('./') ? 2 : 0, name.endsWith('/') ? -1 : undefined)
  if (!/(^|\/)\.{0,2}(\/|$)|\0/.test(plain)) return plain
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..') || name.includes('\0') || name.startsWith('/'))
    throw invalid(`archive member ${toText(name)} leads out of its root`)
  return parts.join('/')
}

function finishFile(fd: number, entry: BackupEntry): void {
  if (entry.uid !== 0 || entry.gid !== 0 || (entry.mode & 0o7000) !== 0) return finish(fd, entry, { fresh: true })
  // It was made with this owner and mode.
  setXattrs(fd, entry)
  setTimesOf(fd, entry.atime, entry.mtime, () => toText(entry.path))
}

function write(file: OpenFile, bytes: Buffer): void {
  if (file.fd >= 0) writeFully(file.fd, bytes, () => toText(file.entry.path))
}

const ZEROS = Buffer.alloc(64 * 1024)

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length)
    if (part.compare(ZEROS, 0, part.length) !== 0) return false
  }
  return true
}
