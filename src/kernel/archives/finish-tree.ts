import { invalid } from '#lib/errors.ts'
import { damaged } from '#codec/backup/index.ts'
import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import type { BackupEntry } from '#model/backup.ts'
import { errnoError } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { removeTree } from '../files/remove-tree.ts'
import { digestFile } from './content.ts'
import { Descent } from './descent.ts'
import { OnlyInIndex } from './members.ts'
import { baseOf, finish } from './place.ts'
import type { Place } from './place.ts'
import { listDirectory, openToRead, statat } from './sys.ts'
import { gone } from './walk.ts'

interface Level {
  entry: BackupEntry
  /** Names that were here before and have not been met in the index yet. */
  before: ByteString[]
}

/**
 * Goes through the index when all members are there: makes what has no member, takes away what the index has not,
 * checks what comes from the base, and gives directories their owner, attributes, mode and times, the lowest first.
 */
export class FinishTree {
  readonly #places: (Place | undefined)[]
  readonly #incremental: boolean
  readonly #check: () => void
  readonly #buffer = Buffer.allocUnsafeSlow(512 * 1024)
  readonly #onlyInIndex = new OnlyInIndex()
  #descent: Descent | undefined
  readonly #levels: Level[] = []

  constructor(places: (Place | undefined)[], options: { incremental: boolean; check: () => void }) {
    this.#places = places
    this.#incremental = options.incremental
    this.#check = options.check
  }

  /**
   * @param entry in the order of a walk (`WalkOrder`); those that change nothing here may be left out
   * @throws invalid when it does not fit the base
   */
  add(entry: BackupEntry): void {
    this.#check()
    if (entry.path === '') return this.#root(entry)
    const slash = entry.path.lastIndexOf('/')
    const parent = slash < 0 ? '' : entry.path.slice(0, slash)
    while (this.#levels.at(-1)!.entry.path !== parent) this.#leave()
    const name = entry.path.slice(slash + 1)
    this.#removeUpTo(this.#levels.at(-1)!, name)
    if (entry.type === 'directory') this.#enter(entry, name)
    else if (this.#onlyInIndex.has(entry)) this.#make(entry)
  }

  finish(): void {
    while (this.#levels.length > 0) this.#leave()
  }

  close(): void {
    this.#descent?.close()
  }

  #root(entry: BackupEntry): void {
    while (this.#levels.length > 0) this.#leave()
    this.#descent?.close()
    const place = this.#places[entry.volume]
    this.#descent = place && new Descent(place.root, openDirectory)
    this.#push(entry)
  }

  #enter(entry: BackupEntry, name: ByteString): void {
    this.#descent?.push(name)
    this.#push(entry)
  }

  #push(entry: BackupEntry): void {
    const before =
      this.#incremental && this.#descent
        ? listDirectory(this.#descent.fd, () => toText(entry.path)).map(({ name }) => name)
        : []
    before.reverse()
    this.#levels.push({ entry, before })
  }

  #leave(): void {
    const level = this.#levels.pop()!
    this.#removeUpTo(level, undefined)
    if (!this.#descent) return
    finish(this.#descent.fd, level.entry, { fresh: false })
    if (this.#levels.length > 0) this.#descent.pop()
  }

  /** What stands before a name in the directory and was not met, is not in the backup. */
  #removeUpTo(level: Level, name: ByteString | undefined): void {
    for (let next = level.before.at(-1); next !== undefined; next = level.before.at(-1)) {
      if (name !== undefined && next > name) return
      level.before.pop()
      if (next === name) return
      for (const _ of removeTree(this.#descent!.fd, next));
    }
  }

  #make(entry: BackupEntry): void {
    const place = this.#places[entry.volume]
    if (!place) return
    if (entry.type === 'link') place.makeLink(entry)
    else if (entry.type === 'socket') place.makeNode(entry)
    else this.#fromBase(entry)
  }

  #fromBase(entry: BackupEntry): void {
    const shown = () => toText(entry.path)
    if (!this.#incremental) throw damaged(`${shown()} is in a base that the archive does not have`)
    const fd = openToRead(this.#descent!.fd, baseOf(entry.path), { directory: false })
    if (fd < 0 && !gone(-fd)) throw errnoError(`open ${shown()}`, -fd)
    if (fd < 0) throw wrongBase(shown())
    try {
      const stat = statat(fd, '', shown)
      if (!stat || (stat.mode & at.S_IFMT) !== at.S_IFREG || stat.size !== entry.size) throw wrongBase(shown())
      if (digestFile(fd, stat, this.#buffer, shown, this.#check) !== entry.digest) throw wrongBase(shown())
      finish(fd, entry, { fresh: false })
    } finally {
      libc.close(fd)
    }
  }
}

function wrongBase(path: string): Error {
  return invalid(`archive is incremental and does not fit what was restored before it: ${path} is not as it must be`)
}

function openDirectory(parent: number, name: ByteString): number {
  const fd = openToRead(parent, name, { directory: true })
  if (fd >= 0) return fd
  if (gone(-fd)) throw damaged(`it has a directory ${toText(name)} that the archive has not`)
  throw errnoError(`open directory ${toText(name)}`, -fd)
}
