import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { BerthError, invalid, notFound, system } from '#lib/errors.ts'
import type { BackupTarget, PutOptions, TargetObject } from '#ports/targets.ts'
import { endWith } from './abort.ts'
import { isPart, partOf, segmentsOf, STALE_AFTER } from './names.ts'

/** Bytes written between two hands-over to the disk, so that the last one does not take minutes. */
const SYNC_EVERY = 64 * 1024 * 1024

/** A directory of this host. It must exist: one that is made by accident below an unmounted disk helps nobody. */
export class DirectoryTarget implements BackupTarget {
  readonly url: string
  readonly #path: string

  /** @param path absolute, with a slash at its end */
  constructor(path: string) {
    this.#path = path
    this.url = path
  }

  async put(name: string, content: Readable, { onProgress, signal }: PutOptions = {}): Promise<{ bytes: number }> {
    const path = this.#fileOf(name)
    const release = endWith(content, signal)
    const directory = dirname(path)
    let part: string | undefined
    let bytes = 0
    try {
      signal?.throwIfAborted()
      await this.#directoryOf(name)
      await removeStale(directory, Date.now() - STALE_AFTER)
      part = join(directory, partOf(path.slice(directory.length + 1), randomBytes(8).toString('hex')))
      const handle = await open(part, 'wx', 0o600)
      try {
        bytes = await pour(content, handle, onProgress)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(part, path)
      part = undefined
      await syncDirectory(directory)
      return { bytes }
    } catch (error) {
      const own = error === content.errored
      content.destroy()
      if (part) await rm(part, { force: true }).catch(() => {})
      throw own ? error : inWords(error, path)
    } finally {
      release()
    }
  }

  async open(name: string, offset = 0): Promise<Readable> {
    const path = this.#fileOf(name)
    try {
      const handle = await open(path, 'r')
      const { size } = await handle.stat()
      if (offset > size) {
        await handle.close()
        throw invalid(`${path} has ${size} bytes: cannot start at ${offset}`)
      }
      return handle.createReadStream({ start: offset, highWaterMark: 1024 * 1024 })
    } catch (error) {
      throw inWords(error, path)
    }
  }

  async stat(name: string): Promise<TargetObject | undefined> {
    const path = this.#fileOf(name)
    try {
      const found = await stat(path)
      return found.isFile() ? objectOf(name, found) : undefined
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw inWords(error, path)
    }
  }

  async list(prefix = ''): Promise<TargetObject[]> {
    const found: TargetObject[] = []
    // Only the directories that names with this prefix can be in.
    const below = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    if (below !== '') segmentsOf(below.slice(0, -1))
    try {
      await this.#collect(below, prefix, found)
    } catch (error) {
      if (!(isAbsent(error) && below !== '')) throw inWords(error, `${join(this.#path, below)}*`)
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async remove(name: string): Promise<void> {
    const path = this.#fileOf(name)
    try {
      await rm(path)
      await syncDirectory(dirname(path))
    } catch (error) {
      if (!isAbsent(error)) throw inWords(error, path)
    }
  }

  async close(): Promise<void> {}

  #fileOf(name: string): string {
    return join(this.#path, ...segmentsOf(name))
  }

  /** Makes the directories that the name has, but not the place itself. */
  async #directoryOf(name: string): Promise<void> {
    let directory = this.#path
    const place = await stat(directory)
    if (!place.isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' })
    for (const segment of segmentsOf(name).slice(0, -1)) {
      directory = join(directory, segment)
      await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
    }
  }

  async #collect(below: string, prefix: string, found: TargetObject[]): Promise<void> {
    for (const entry of await readdir(join(this.#path, below), { withFileTypes: true })) {
      const name = below + entry.name
      const possible = name.startsWith(prefix) || (entry.isDirectory() && `${name}/`.startsWith(prefix))
      if (!possible || isPart(entry.name)) continue
      if (entry.isDirectory()) await this.#collect(`${name}/`, prefix, found)
      else {
        const status = await stat(join(this.#path, name)).catch(() => undefined)
        if (status?.isFile()) found.push(objectOf(name, status))
      }
    }
  }
}

const objectOf = (name: string, { size, mtimeMs }: Stats): TargetObject => ({ name, size, modified: mtimeMs })

async function pour(content: Readable, handle: FileHandle, onProgress: PutOptions['onProgress']): Promise<number> {
  let bytes = 0
  let synced = 0
  let syncing: Promise<unknown> | undefined
  for await (const piece of content as AsyncIterable<Buffer>) {
    for (let done = 0; done < piece.length;) {
      const { bytesWritten } = await handle.write(piece, done, piece.length - done)
      done += bytesWritten
      bytes += bytesWritten
    }
    if (bytes - synced >= SYNC_EVERY) {
      await syncing
      synced = bytes
      syncing = handle.datasync()
      // Waited for above or below; until then its failure is nobody's.
      syncing.catch(() => {})
    }
    onProgress?.(bytes)
  }
  await syncing
  return bytes
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Parts of writers that were killed. */
async function removeStale(directory: string, before: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!isPart(name)) continue
    const status = await stat(join(directory, name)).catch(() => undefined)
    if (status && status.mtimeMs < before) await rm(join(directory, name), { force: true })
  }
}

const isAbsent = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT'

function inWords(error: unknown, path: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (error instanceof BerthError || code === undefined) return error
  const directory = dirname(path)
  // Node's words say the same once more.
  const options = { details: { errno: code } }
  switch (code) {
    case 'ENOENT':
      return syscall === 'open'
        ? notFound(`${path}: no such backup`, options)
        : notFound(`${directory}: no such directory: make it first`, options)
    case 'ENOTDIR':
      return invalid(`${directory} is no directory`, options)
    case 'EISDIR':
      return invalid(`${path} is a directory`, options)
    case 'ENOSPC':
    case 'EDQUOT':
      return system(`no space left in ${directory} for ${path}`, options)
    case 'EFBIG':
      return system(`${path} is too large for its file system`, options)
    case 'EROFS':
      return system(`${directory} is on a read-only file system`, options)
    case 'EACCES':
    case 'EPERM':
      return system(`no permission for ${path}`, options)
    default:
      return syscall === undefined ? error : system(`${path}: ${(error as Error).message}`, options)
  }
}
