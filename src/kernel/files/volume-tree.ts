import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import fs, { type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { fromText, toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import { BerthError, invalid, notFound, system } from '#lib/errors.ts'
import type { TreeAttributes, TreeEntry, TreeFile, VolumeTree, VolumeTrees } from '#ports/volume-tree.ts'
import { O_PATH } from '../ffi/fs.ts'
import { splitPath } from './root.ts'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
/** Looked at side by side, on the thread pool. */
const AT_ONCE = 32
const PART = /^\.berth-sync-[0-9a-f]{16}$/

export class HostVolumeTrees implements VolumeTrees {
  async open(root: string): Promise<VolumeTree> {
    const handle = await fs.open(root, O_RDONLY | O_DIRECTORY)
    return new HostVolumeTree(handle, await fs.readlink(through(handle)))
  }
}

/** The path of what is held open, or of a name in it: what it was opened as stays, whatever is renamed meanwhile. */
function through(handle: FileHandle): string
function through(handle: FileHandle, name: ByteString): Buffer
function through(handle: FileHandle, name?: ByteString): string | Buffer {
  const held = `/proc/self/fd/${handle.fd}`
  return name === undefined ? held : Buffer.from(`${held}/${name}`, 'latin1')
}

interface Member {
  name: ByteString
  stat: Stats
  directory: boolean
}

/**
 * All of it through Node's thread pool: a volume may be a server's, which may not answer. A path is opened without touching
 * what it leads to (O_PATH), and is only used, by descriptor, when the kernel says that this lies in the volume.
 */
class HostVolumeTree implements VolumeTree {
  readonly #root: FileHandle
  /** As the kernel shows it. */
  readonly #path: string

  constructor(root: FileHandle, path: string) {
    this.#root = root
    this.#path = path
  }

  walk(): AsyncIterable<TreeEntry> {
    return this.#below(this.#root, '', [])
  }

  async stat(path: string): Promise<TreeFile | undefined> {
    const found = await this.#open(fromText(path))
    if (typeof found === 'string') return undefined
    try {
      const stat = await found.stat()
      return stat.isFile() ? fileOf(path, stat) : undefined
    } finally {
      await found.close()
    }
  }

  async read(path: string): Promise<{ file: TreeFile; content: Readable }> {
    const found = await this.#open(fromText(checked(path)))
    if (typeof found === 'string') throw notFound(`${path}: ${found}`)
    try {
      const stat = await found.stat()
      if (!stat.isFile()) throw invalid(`${path} is no regular file`)
      const handle = await fs.open(through(found), O_RDONLY | O_NONBLOCK)
      return { file: fileOf(path, stat), content: handle.createReadStream({ highWaterMark: 1024 * 1024 }) }
    } catch (error) {
      throw inWords(error, path)
    } finally {
      await found.close()
    }
  }

  async write(path: string, content: Readable, attributes: TreeAttributes): Promise<void> {
    let directory: FileHandle | undefined
    let part: Buffer | undefined
    try {
      const { parent, base } = splitPath(fromText(checked(path)))
      directory = await this.#directory(parent)
      const temporary = through(directory, `.berth-sync-${randomBytes(8).toString('hex')}`)
      const handle = await fs.open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
      part = temporary
      try {
        await pour(content, handle)
        const owner = await directory.stat()
        await handle.chown(attributes.uid ?? owner.uid, attributes.gid ?? owner.gid)
        await handle.chmod(attributes.mode ?? 0o644)
        await handle.utimes(attributes.modified / 1000, attributes.modified / 1000)
      } finally {
        await handle.close()
      }
      await fs.rename(temporary, through(directory, base))
      part = undefined
    } catch (error) {
      const own = error === content.errored
      content.destroy()
      throw own ? error : inWords(error, path)
    } finally {
      if (part) await fs.rm(part, { force: true }).catch(() => {})
      await directory?.close()
    }
  }

  async remove(path: string): Promise<void> {
    const { parent, base } = splitPath(fromText(checked(path)))
    const directory = parent === '' ? await this.#again() : await this.#open(parent)
    if (typeof directory === 'string') return
    try {
      await fs.unlink(through(directory, base))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw inWords(error, path)
    } finally {
      await directory.close()
    }
  }

  close(): Promise<void> {
    return this.#root.close()
  }

  /** @param above device and inode of the directories on the way */
  async *#below(directory: FileHandle, path: ByteString, above: string[]): AsyncGenerator<TreeEntry> {
    const { ino, dev } = await directory.stat()
    const id = `${dev}:${ino}`
    if (above.includes(id)) {
      yield { skipped: toText(path), reason: 'a symbolic link that leads to a directory above it' }
      return
    }
    const names = await fs.readdir(through(directory), { encoding: 'latin1' })
    const members: Member[] = []
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const looked = names.slice(at, at + AT_ONCE).map(name => this.#look(directory, name))
      for (const found of await Promise.all(looked)) if (found) members.push(found)
    }
    // As whole paths are ordered: a directory's name with the slash behind it.
    const key = (one: Member) => (one.directory ? `${one.name}/` : one.name)
    members.sort((a, b) => (key(a) < key(b) ? -1 : 1))
    for (const member of members) {
      const inner = path === '' ? member.name : `${path}/${member.name}`
      if (!member.directory) {
        yield entryOf(inner, member.stat)
        continue
      }
      const opened = await this.#open(inner)
      if (typeof opened === 'string') continue
      try {
        const readable = await fs.open(through(opened), O_RDONLY | O_DIRECTORY)
        try {
          yield* this.#below(readable, inner, [...above, id])
        } finally {
          await readable.close()
        }
      } finally {
        await opened.close()
      }
    }
  }

  /** What a name is, symlinks followed. undefined: gone, or nothing of the volume's own. */
  async #look(directory: FileHandle, name: ByteString): Promise<Member | undefined> {
    const path = through(directory, name)
    const stat = await fs.lstat(path).catch(ignoreAbsent)
    if (!stat) return undefined
    if (PART.test(name)) {
      await fs.unlink(path).catch(ignoreAbsent)
      return undefined
    }
    if (!stat.isSymbolicLink()) return { name, stat, directory: stat.isDirectory() }
    const found = await this.#inside(fs.open(path, O_PATH))
    // It stays a link, and is told as such.
    if (typeof found === 'string') return { name, stat, directory: false }
    try {
      const target = await found.stat()
      return { name, stat: target, directory: target.isDirectory() }
    } finally {
      await found.close()
    }
  }

  /** @returns why not */
  #open(path: ByteString): Promise<FileHandle | string> {
    return this.#inside(fs.open(through(this.#root, path), O_PATH))
  }

  #again(): Promise<FileHandle> {
    return fs.open(through(this.#root), O_PATH | O_DIRECTORY)
  }

  async #inside(opening: Promise<FileHandle>): Promise<FileHandle | string> {
    let opened: FileHandle
    try {
      opened = await opening
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file'
      if (code === 'ELOOP') return 'too many symbolic links'
      throw error
    }
    const is = await fs.readlink(through(opened)).catch(() => '')
    if (is === this.#path || is.startsWith(this.#path === '/' ? '/' : `${this.#path}/`)) return opened
    await opened.close()
    return 'it leads out of the volume'
  }

  /** Descriptor of a directory, made if there is none, with the owner of the one above. */
  async #directory(path: ByteString): Promise<FileHandle> {
    if (path === '') return this.#again()
    const found = await this.#open(path)
    if (typeof found !== 'string') {
      if ((await found.stat()).isDirectory()) return found
      await found.close()
      throw invalid(`${toText(path)} is no directory`)
    }
    if (found !== 'no such file') throw invalid(`${toText(path)}: ${found}`)
    const { parent, base } = splitPath(path)
    const above = await this.#directory(parent)
    try {
      const { uid, gid } = await above.stat()
      const made = await fs.mkdir(through(above, base), { mode: 0o755 }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error
          return false
        },
      )
      if (made) await fs.lchown(through(above, base), uid, gid)
    } finally {
      await above.close()
    }
    const now = await this.#open(path)
    if (typeof now === 'string') throw invalid(`${toText(path)}: ${now}`)
    return now
  }
}

async function pour(content: Readable, handle: FileHandle): Promise<void> {
  for await (const piece of content as AsyncIterable<Buffer>) {
    for (let done = 0; done < piece.length;) {
      done += (await handle.write(piece, done, piece.length - done)).bytesWritten
    }
  }
}

function entryOf(path: ByteString, stat: Stats): TreeEntry {
  const text = toText(path)
  if (fromText(text) !== path) return { skipped: text, reason: 'its name is not UTF-8' }
  if (/[\0-\x1f\ufffe\uffff]/.test(text)) return { skipped: text, reason: 'its name has control characters' }
  if (stat.isSymbolicLink()) return { skipped: text, reason: 'a symbolic link that leads nowhere in the volume' }
  if (!stat.isFile()) return { skipped: text, reason: `${kindOf(stat)}, not a file` }
  return { file: fileOf(text, stat) }
}

const kindOf = (stat: Stats) =>
  stat.isFIFO() ? 'a pipe' : stat.isSocket() ? 'a socket' : stat.isDirectory() ? 'a directory' : 'a device'

function fileOf(path: string, { size, mtimeMs, mode, uid, gid }: Stats): TreeFile {
  return { path, size, modified: mtimeMs, mode: mode & 0o7777, uid, gid }
}

/** @throws invalid unless it is a plain path below the root */
function checked(path: string): string {
  const segments = path.split('/')
  if (segments.some(one => one === '' || one === '.' || one === '..') || path.includes('\0')) {
    throw invalid(`${JSON.stringify(path)} is no path inside a volume`)
  }
  if (segments.some(one => PART.test(one))) throw invalid(`${path} is a name that is Berth's own`)
  return path
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function inWords(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof BerthError || code === undefined) return error
  const options = { cause: error, details: { errno: code } }
  switch (code) {
    case 'ENOENT':
      return notFound(`${path}: no such file`, options)
    case 'ENOSPC':
    case 'EDQUOT':
      return system(`no space left in the volume for ${path}`, options)
    case 'EISDIR':
    case 'ENOTEMPTY':
      return invalid(`${path} is a directory in the volume`, options)
    case 'ENAMETOOLONG':
      return invalid(`the name ${path} is too long for the volume`, options)
    case 'EROFS':
      return system(`the volume is read-only: ${path}`, options)
    default:
      return system(`${path}: ${code}`, options)
  }
}
