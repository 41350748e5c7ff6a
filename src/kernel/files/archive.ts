import { constants, readSync } from 'node:fs'
import { Readable } from 'node:stream'
import { encodeEnd, encodeEntry, encodePadding, OPAQUE_NAME, whiteoutName } from '#codec/tar/index.ts'
import type { ByteString, TarEntry, TarType } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { isWhiteout } from './extractor.ts'
import { kindOfMode } from './kind.ts'
import { Slice } from './slices.ts'
import { openDirectory, walk } from './walk.ts'

export interface ArchiveRules {
  /** Prefix of the members' names, without trailing slash; '' for none. */
  base: ByteString
  /** All extended attributes; else only `security.capability`. */
  xattrs: boolean
  /** The tree is an overlay's upper directory: its marks become `.wh.` members. */
  overlay: boolean
}

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CHUNK = 128 * 1024

/**
 * A stream of the generator's buffers, made in slices as the reader wants them.
 *
 * @param directory closed with the stream: a generator that never started could not do it
 */
export function streamOf(directory: number, buffers: Generator<Buffer, void>): Readable {
  const stream = Readable.from(sliced(buffers), { objectMode: false, highWaterMark: 2 * CHUNK })
  return stream.once('close', () => libc.close(directory))
}

async function* sliced(buffers: Generator<Buffer, void>): AsyncGenerator<Buffer, void> {
  const slice = new Slice()
  let batch: Buffer[] = []
  let size = 0
  // A stream chunk for each small file would cost more than the file.
  for (const buffer of buffers) {
    batch.push(buffer)
    size += buffer.length
    await slice.pause()
    if (size < CHUNK) continue
    yield Buffer.concat(batch)
    batch = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(batch)
}

/**
 * Archive of one name in an open directory and of all below it, or with an empty name of what is in the directory
 * itself. Sockets are left out, as tar cannot hold them.
 */
export function* archiveOf(directory: number, name: ByteString, rules: ArchiveRules): Generator<Buffer, void> {
  const links = new Map<string, ByteString>()
  if (name === '') yield* members(directory, rules, links)
  else {
    const stat = at.statat(directory, name)
    yield* member(directory, name, rules.base, stat, rules, links)
    const inner = (stat.mode & at.S_IFMT) === at.S_IFDIR ? openDirectory(directory, name) : undefined
    try {
      if (inner !== undefined) yield* members(inner, rules, links)
    } finally {
      if (inner !== undefined) libc.close(inner)
    }
  }
  yield encodeEnd()
}

function* members(directory: number, rules: ArchiveRules, links: Map<string, ByteString>): Generator<Buffer, void> {
  for (const { path, name, stat, parent } of walk(directory)) {
    yield* member(parent, name, rules.base === '' ? path : `${rules.base}/${path}`, stat, rules, links)
  }
}

function* member(
  parent: number,
  name: ByteString,
  path: ByteString,
  stat: Stat,
  rules: ArchiveRules,
  links: Map<string, ByteString>,
): Generator<Buffer, void> {
  if (rules.overlay && isWhiteout(stat)) return yield* empty(path, name, whiteoutName(name), stat)
  const type = typeOf(stat)
  if (!type) return
  const entry = entryOf(type, path, stat)
  try {
    if (type === 'symlink') entry.linkName = at.readlinkat(parent, name)
    else entry.xattrs = xattrsOf(at.through(parent, name), rules.xattrs)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EINVAL')) return
    throw error
  }
  if (stat.nlink > 1 && type !== 'directory') {
    const first = links.get(stat.id)
    if (first !== undefined) return yield encodeEntry({ ...entry, type: 'link', linkName: first, size: 0 })
    links.set(stat.id, path)
  }
  if (type === 'file') return yield* file(parent, name, entry)
  yield encodeEntry(entry)
  if (rules.overlay && type === 'directory' && isOpaque(at.through(parent, name)))
    yield* empty(`${path}/`, '', OPAQUE_NAME, stat)
}

/** An empty file beside or below the path. */
function* empty(path: ByteString, name: ByteString, marker: ByteString, stat: Stat): Generator<Buffer, void> {
  const directory = path.slice(0, path.length - name.length)
  yield encodeEntry({ ...entryOf('file', directory + marker, stat), mode: 0, size: 0 })
}

/** The header has said how long the file is: what grows meanwhile is cut, what shrinks is filled with zeros. */
function* file(parent: number, name: ByteString, entry: TarEntry): Generator<Buffer, void> {
  let fd: number
  try {
    fd = at.openat(parent, name, READ_FLAGS)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ELOOP', 'ENXIO')) return
    throw error
  }
  try {
    yield encodeEntry(entry)
    for (let done = 0; done < entry.size;) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, entry.size - done))
      const read = readSync(fd, buffer)
      if (read === 0) buffer.fill(0)
      done += read === 0 ? buffer.length : read
      yield read === 0 ? buffer : buffer.subarray(0, read)
    }
    if (entry.size % 512 > 0) yield encodePadding(entry.size)
  } finally {
    libc.close(fd)
  }
}

function entryOf(type: TarType, path: ByteString, stat: Stat): TarEntry {
  return {
    name: type === 'directory' ? `${path}/` : path,
    type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: type === 'file' ? stat.size : 0,
    mtime: { seconds: stat.mtime.seconds, nanos: 0 },
    linkName: '',
    major: type === 'char' || type === 'block' ? stat.major : 0,
    minor: type === 'char' || type === 'block' ? stat.minor : 0,
    xattrs: undefined,
  }
}

/** Sockets are none of tar's. */
function typeOf({ mode }: Stat): TarType | undefined {
  const kind = kindOfMode(mode)
  return kind === 'socket' ? undefined : kind
}

/** Labels of security modules and ACLs belong to the host; overlayfs's marks are no content. */
function xattrsOf(path: ByteString, all: boolean): Map<ByteString, Buffer> | undefined {
  let found: Map<ByteString, Buffer> | undefined
  for (const name of at.listXattrs(path)) {
    const wanted = all ? /^(user|trusted)\.(?!overlay\.)|^security\.capability$/.test(name) : name === CAPABILITY
    const value = wanted ? at.getXattr(path, name) : undefined
    if (value) (found ??= new Map()).set(name, value)
  }
  return found
}
const CAPABILITY = 'security.capability'

export function isOpaque(path: ByteString): boolean {
  return at.getXattr(path, 'trusted.overlay.opaque')?.toString() === 'y'
}
