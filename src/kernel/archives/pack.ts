import { ContentDigest, digestOf, encodeMarker, IndexWriter } from '#codec/backup/index.ts'
import {
  encodeEnd,
  encodeEntry,
  encodePadding,
  entryLength,
  neededPax,
  padding,
  toText,
  writeEntry,
} from '#codec/tar/index.ts'
import type { BackupEntry, BackupFormat, BackupHeader, BackupSummary } from '#model/backup.ts'
import { BaseEntries } from './base.ts'
import { dataOf, digestFile, holesBetween, stampOf } from './content.ts'
import { mappedToWrite } from './mapped.ts'
import { memberOf, OnlyInIndex, prefixOf } from './members.ts'
import { AT_ONCE, Output } from './output.ts'
import { scan } from './scan.ts'
import type { Visitor } from './scan.ts'
import { isUnchanged, readFully, statat } from './sys.ts'
import type { Stat } from './sys.ts'
import { TreeDigests } from './tally.ts'

/** Files up to this size are read at once, and again when they changed meanwhile. */
const SMALL = 512 * 1024
const CHANGED_MAX = 100

export interface PackJob {
  kind: 'pack'
  header: BackupHeader
  paths: string[]
  format: BackupFormat
  level?: number | undefined
  /** Stored index, unwrapped. */
  base?: Uint8Array | undefined
}

export interface PackHost {
  post: (bytes: Buffer) => Promise<void> | undefined
  progress: (files: number, bytes: number, stored: number) => void
  /** @throws cancelled when the archive is not wanted any more */
  check: () => void
}

export async function pack(job: PackJob, host: PackHost): Promise<BackupSummary> {
  const packer = new Packer(job, host)
  return packer.run()
}

class Packer implements Visitor {
  readonly #job: PackJob
  readonly #host: PackHost
  readonly #output: Output
  readonly #index = new IndexWriter()
  readonly #trees: TreeDigests
  readonly #base: BaseEntries | undefined
  readonly #buffer = Buffer.allocUnsafeSlow(SMALL)
  readonly #changed: string[] = []
  readonly #onlyInIndex = new OnlyInIndex()
  /** Before anything is read: who maps a file later leaves a trace. */
  readonly #began = Date.now()
  readonly #mapped = mappedToWrite()
  readonly known: Visitor['known']
  #entries = 0
  #files = 0
  #bytes = 0

  constructor(job: PackJob, host: PackHost) {
    this.#job = job
    this.#host = host
    this.#output = new Output(job.format, job.level, host.post)
    this.#trees = new TreeDigests(job.paths.length)
    this.#base = job.base && new BaseEntries(Buffer.from(job.base.buffer, job.base.byteOffset, job.base.length))
    if (this.#base) this.known = (entry, stat) => this.#isInBase(entry, stat)
  }

  async run(): Promise<BackupSummary> {
    const { header, paths } = this.#job
    this.#index.add({ header })
    await this.#output.write(encodeMarker(header))
    // A segment of its own, so that a reader can tell what it has before it has much.
    this.#output.cut()
    for (const [volume, path] of paths.entries()) await scan(path, volume, this, this.#host.check)
    await this.#output.write(encodeEnd())
    const treeDigests = this.#trees.finish()
    const [files, bytes, changedWhileRead] = [this.#files, this.#bytes, this.#changed]
    this.#index.add({ end: { entries: this.#entries, files, bytes, treeDigests, changedWhileRead } })
    const digest = await this.#output.finish(this.#index.finish())
    this.#report()
    return { header, files, bytes, storedBytes: this.#output.stored, digest, treeDigests, changedWhileRead }
  }

  other(entry: BackupEntry): Promise<void> | undefined {
    this.#add(entry)
    const member = this.#onlyInIndex.has(entry) ? undefined : memberOf(entry, this.#prefix(entry), false)
    return member && this.#output.write(encodeEntry(member))
  }

  file(fd: number, entry: BackupEntry, stat: Stat): Promise<void> | undefined {
    const shown = () => toText(entry.path)
    const base = this.#base?.file(this.#volume(entry), entry.path)
    if (base?.size === entry.size) {
      const digest = digestFile(fd, stat, this.#buffer, shown, () => {})
      if (digest === base.digest && isUnchanged(fd, stat, shown)) {
        const data = dataOf(fd, stat, entry.xattrs !== undefined)
        if (data) entry.holes = holesBetween(data, stat.size)
        this.#addKnown(entry, stat, digest)
        return undefined
      }
    }
    const data = dataOf(fd, stat, entry.xattrs !== undefined)
    if (data || stat.size > SMALL) return this.#large(fd, entry, stat, data)
    return this.#small(fd, entry, stat)
  }

  /** Unchanged since the base by all that the host says. */
  #isInBase(entry: BackupEntry, stat: Stat): boolean {
    const base = this.#base!.file(this.#volume(entry), entry.path)
    const stamp = base?.stamp === undefined ? undefined : stampOf(stat)
    if (!base || stamp === undefined || base.stamp !== stamp || base.size !== stat.size) return false
    if (base.mtime[0] !== stat.mtime[0] || base.mtime[1] !== stat.mtime[1]) return false
    if (base.holes) entry.holes = base.holes
    // Attributes cannot change without the stamp.
    if (base.xattrs) entry.xattrs = base.xattrs
    this.#addKnown(entry, stat, base.digest!)
    return true
  }

  #addKnown(entry: BackupEntry, stat: Stat, digest: string): void {
    entry.digest = digest
    const stamp = this.#stampOf(stat)
    if (stamp !== undefined) entry.stamp = stamp
    entry.inBase = true
    this.#files++
    this.#add(entry)
    this.#report()
  }

  #small(fd: number, entry: BackupEntry, first: Stat): Promise<void> | undefined {
    const shown = () => toText(entry.path)
    let stat = first
    for (let tries = 0; ; tries++) {
      const member = memberOf(entry, this.#prefix(entry), false)!
      const pax = neededPax(member)
      const length = entryLength(pax) + entry.size + padding(entry.size)
      // Attributes can be large.
      if (length > AT_ONCE) return this.#large(fd, entry, stat, undefined)
      const at = this.#output.reserve(length)
      const { buffer } = this.#output
      const content = writeEntry(buffer, at, member, pax)
      const got = readFully(fd, { buffer, at: content, length: entry.size }, 0, shown)
      buffer.fill(0, content + got, at + length)
      const unchanged = got === entry.size && isUnchanged(fd, stat, shown)
      if (!unchanged && tries === 0) {
        const after = statat(fd, '', shown) ?? stat
        if (after.size <= SMALL) {
          stat = after
          const { size, mtime, mode, uid, gid } = stat
          Object.assign(entry, { size, mtime, mode: mode & 0o7777, uid, gid })
          continue
        }
      }
      this.#stamp(entry, stat, unchanged)
      entry.digest = digestOf(buffer, content, content + entry.size)
      this.#counted(entry, entry.size)
      return this.#output.advance(length)
    }
  }

  async #large(fd: number, entry: BackupEntry, stat: Stat, data: [number, number][] | undefined): Promise<void> {
    const shown = () => toText(entry.path)
    const sparse = this.#job.format === 'zstd'
    if (data) entry.holes = holesBetween(data, entry.size)
    await this.#output.write(encodeEntry(memberOf(entry, this.#prefix(entry), sparse)!))
    const digest = new ContentDigest()
    let position = 0
    let stored = 0
    let count = 0
    let whole = true
    for (const [offset, length] of [...(data ?? [[0, entry.size] as const]), [entry.size, 0] as const]) {
      digest.zeros(offset - position)
      if (!sparse) {
        await this.#zeros(offset - position)
        stored += offset - position
      }
      for (let left = length; left > 0;) {
        this.#host.check()
        const room = this.#output.rest(left)
        const got = readFully(fd, { buffer: room, at: 0, length: room.length }, offset + length - left, shown)
        whole &&= got === room.length
        room.fill(0, got)
        digest.update(room)
        left -= room.length
        count += room.length
        this.#host.progress(this.#files, this.#bytes + count, this.#output.stored)
        await this.#output.advance(room.length)
      }
      stored += length
      position = offset + length
    }
    await this.#output.write(encodePadding(stored))
    this.#stamp(entry, stat, whole && isUnchanged(fd, stat, shown))
    entry.digest = digest.finish()
    this.#counted(entry, count)
  }

  async #zeros(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      this.#host.check()
      const room = this.#output.rest(left)
      room.fill(0)
      left -= room.length
      await this.#output.advance(room.length)
    }
  }

  #stamp(entry: BackupEntry, stat: Stat, unchanged: boolean): void {
    if (!unchanged) {
      if (this.#changed.length < CHANGED_MAX) this.#changed.push(toText(entry.path))
      return
    }
    const stamp = this.#stampOf(stat)
    if (stamp !== undefined) entry.stamp = stamp
  }

  #stampOf(stat: Stat): string | undefined {
    return this.#mapped.has(stat.inode) ? undefined : stampOf(stat, this.#began)
  }

  #counted(entry: BackupEntry, bytes: number): void {
    this.#files++
    this.#bytes += bytes
    this.#add(entry)
    this.#report()
  }

  #add(entry: BackupEntry): void {
    this.#entries++
    this.#trees.add(entry)
    this.#index.add(entry)
  }

  #report(): void {
    this.#host.progress(this.#files, this.#bytes, this.#output.stored)
  }

  #volume(entry: BackupEntry): string {
    return this.#job.header.volumes[entry.volume]?.name ?? ''
  }

  #prefix(entry: BackupEntry): string {
    return prefixOf(this.#job.header, entry.volume)
  }
}
