import { createReadStream, type Stats } from 'node:fs'
import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { encodeEnd, encodeEntry, encodePadding, fromText, type TarEntry, type TarType } from '#codec/tar/index.ts'

/**
 * A tar of `path`, whose root is called `name` (`.` for a directory's contents). Links are kept, hard links too;
 * sockets are left out.
 * @param options.follow the path itself, when it is a link, stands for what it leads to
 */
export function pack(
  path: string,
  name: string,
  options: { follow: boolean; onBytes?: (bytes: number) => void },
): Readable {
  return Readable.from(packEntries(path, name, options), { objectMode: false })
}

async function* packEntries(
  path: string,
  name: string,
  options: { follow: boolean; onBytes?: (bytes: number) => void },
): AsyncGenerator<Buffer> {
  const seen = new Map<string, string>()
  yield* packOne(path, name, options.follow ? await stat(path) : await lstat(path), seen, options.onBytes ?? (() => {}))
  yield encodeEnd()
}

async function* packOne(
  path: string,
  name: string,
  info: Stats,
  seen: Map<string, string>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const type = typeOf(info)
  if (!type) return
  const entry = entryOf(name, type, info)
  if (type === 'directory') {
    entry.name = `${entry.name}/`
    yield encodeEntry(entry)
    for (const child of (await readdir(path)).sort()) {
      const inside = join(path, child)
      yield* packOne(inside, `${name}/${child}`, await lstat(inside), seen, onBytes)
    }
    return
  }
  if (type === 'symlink') entry.linkName = fromText(await readlink(path))
  if (type === 'file' && info.nlink > 1) {
    const key = `${info.dev}:${info.ino}`
    const first = seen.get(key)
    if (first !== undefined) {
      yield encodeEntry({ ...entry, type: 'link', linkName: fromText(first), size: 0 })
      return
    }
    seen.set(key, name)
  }
  yield encodeEntry(entry)
  if (type === 'file') yield* content(path, info.size, onBytes)
}

/** Exactly `size` bytes, also of a file that grows or shrinks meanwhile: the header has promised them. */
async function* content(path: string, size: number, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let left = size
  if (size > 0) {
    for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 256 * 1024 })) {
      left -= (chunk as Buffer).length
      onBytes((chunk as Buffer).length)
      yield chunk as Buffer
    }
  }
  for (; left > 0; left -= 65536) yield Buffer.alloc(Math.min(left, 65536))
  yield encodePadding(size)
}

function typeOf(info: Stats): TarType | undefined {
  if (info.isFile()) return 'file'
  if (info.isDirectory()) return 'directory'
  if (info.isSymbolicLink()) return 'symlink'
  if (info.isCharacterDevice()) return 'char'
  if (info.isBlockDevice()) return 'block'
  return info.isFIFO() ? 'fifo' : undefined
}

function entryOf(name: string, type: TarType, info: Stats): TarEntry {
  return {
    name: fromText(name),
    type,
    mode: info.mode & 0o7777,
    uid: info.uid,
    gid: info.gid,
    size: type === 'file' ? info.size : 0,
    mtime: { seconds: Math.floor(info.mtimeMs / 1000), nanos: Math.floor((info.mtimeMs % 1000) * 1e6) },
    linkName: '',
    major: type === 'char' || type === 'block' ? info.rdev >> 8 : 0,
    minor: type === 'char' || type === 'block' ? info.rdev & 0xff : 0,
    xattrs: undefined,
  }
}
