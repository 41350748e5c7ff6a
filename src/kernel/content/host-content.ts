import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { BerthError, invalid, messageOf, notFound, system, unavailable } from '#lib/errors.ts'
import { KeyedLock } from '#lib/keyed-lock.ts'
import type { Content } from '#ports/content.ts'

const DIGEST = /^sha256:[0-9a-f]{64}$/
const CHUNK = 256 * 1024
const DAY = 24 * 3600 * 1000

type Expected = { digest?: string; size?: number }

/**
 * Blobs in files: `blobs/sha256/HEX` whole and verified, `ingest/HEX` partial. A blob is on disk (fsync) before it
 * gets its name, so a name always stands for the whole content, also after a power cut.
 */
export class HostContent implements Content {
  readonly #blobs: string
  readonly #ingest: string
  /** Ingests of one digest run one after the other: the second finds the blob. */
  readonly #locks = new KeyedLock()
  readonly #writing = new Set<string>()
  #serial = 0

  /** @param root directory `content`, made when absent */
  constructor(root: string) {
    this.#blobs = join(root, 'blobs', 'sha256')
    this.#ingest = join(root, 'ingest')
    fs.mkdirSync(this.#blobs, { recursive: true, mode: 0o700 })
    fs.mkdirSync(this.#ingest, { recursive: true, mode: 0o700 })
  }

  async has(digest: string): Promise<boolean> {
    return fs.existsSync(this.#path(digest))
  }

  async size(digest: string): Promise<number> {
    const stat = fs.statSync(this.#path(digest), { throwIfNoEntry: false })
    if (!stat) throw absent(digest)
    return stat.size
  }

  async open(digest: string, offset = 0): Promise<Readable> {
    const handle = await fs.promises.open(this.#path(digest)).catch((cause: unknown) => {
      throw codeOf(cause) === 'ENOENT' ? absent(digest) : failed(`open blob ${digest}`, cause)
    })
    return handle.createReadStream({ start: offset, highWaterMark: CHUNK })
  }

  async read(digest: string, maxBytes = 16 << 20): Promise<Buffer> {
    const size = await this.size(digest)
    if (size > maxBytes) throw invalid(`blob ${digest} has ${size} bytes, over the limit of ${maxBytes} bytes`)
    return fs.promises.readFile(this.#path(digest))
  }

  async ingest(
    source: (offset: number) => Promise<Readable>,
    expected: Expected = {},
    onProgress?: (bytes: number) => void,
  ): Promise<{ digest: string; size: number }> {
    const { digest } = expected
    if (digest === undefined) {
      const partial = join(this.#ingest, `new-${process.pid}-${this.#serial++}`)
      return this.#write(partial, source, expected, onProgress, false)
    }
    const name = this.#path(digest).slice(-64)
    return this.#locks.run(digest, async () => {
      const there = fs.statSync(this.#path(digest), { throwIfNoEntry: false })
      if (there) return { digest, size: there.size }
      return this.#write(join(this.#ingest, name), source, expected, onProgress, true)
    })
  }

  async delete(digest: string): Promise<void> {
    await fs.promises.rm(this.#path(digest), { force: true })
  }

  async list(): Promise<string[]> {
    const names = await fs.promises.readdir(this.#blobs)
    return names.map(name => `sha256:${name}`).filter(digest => DIGEST.test(digest))
  }

  async usage(): Promise<{ blobs: Map<string, number>; partial: number }> {
    const blobs = new Map<string, number>()
    const bytes = (path: string) => (fs.statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512
    for (const digest of await this.list()) blobs.set(digest, bytes(this.#path(digest)))
    let partial = 0
    for (const name of await fs.promises.readdir(this.#ingest)) partial += bytes(join(this.#ingest, name))
    return { blobs, partial }
  }

  async sweep(referenced?: ReadonlySet<string>, options: { partial?: boolean } = {}): Promise<number> {
    let freed = 0
    for (const name of await fs.promises.readdir(this.#ingest)) {
      const path = join(this.#ingest, name)
      const stat = fs.statSync(path, { throwIfNoEntry: false })
      if (!stat || this.#writing.has(path)) continue
      // Without a digest nobody can resume it.
      if (!options.partial && !name.startsWith('new-') && Date.now() - stat.mtimeMs < DAY) continue
      freed += stat.blocks * 512
      await fs.promises.rm(path, { force: true })
    }
    for (const digest of referenced ? await this.list() : []) {
      if (referenced!.has(digest) || this.#locks.isHeld(digest)) continue
      freed += fs.statSync(this.#path(digest), { throwIfNoEntry: false })?.size ?? 0
      await this.delete(digest)
    }
    return freed
  }

  async #write(
    partial: string,
    source: (offset: number) => Promise<Readable>,
    expected: Expected,
    onProgress: ((bytes: number) => void) | undefined,
    resumable: boolean,
  ): Promise<{ digest: string; size: number }> {
    this.#writing.add(partial)
    let keep = resumable
    const handle = await fs.promises.open(partial, 'a+', 0o600)
    try {
      let start = await this.#resumeAt(handle, expected)
      for (;;) {
        const { digest, size } = await append(handle, start, source, expected.size, onProgress)
        if (expected.size !== undefined && size < expected.size)
          throw unavailable(
            `blob ${expected.digest ?? digest} ended after ${size} of ${expected.size} bytes: try again`,
          )
        keep = false
        try {
          this.#verify(digest, size, expected)
        } catch (error) {
          if (start === 0) throw error
          // What an earlier attempt left may be what is wrong: once more from the beginning.
          start = 0
          continue
        }
        await handle.sync()
        fs.renameSync(partial, this.#path(digest))
        return { digest, size }
      }
    } catch (error) {
      if (!keep || codeOf(error) === 'ENOSPC') await fs.promises.rm(partial, { force: true })
      throw explained(error, expected)
    } finally {
      this.#writing.delete(partial)
      await handle.close()
    }
  }

  async #resumeAt(handle: fs.promises.FileHandle, expected: Expected): Promise<number> {
    const { size } = await handle.stat()
    return expected.size !== undefined && size > expected.size ? 0 : size
  }

  #verify(digest: string, size: number, expected: Expected): void {
    if (expected.size !== undefined && size !== expected.size)
      throw invalid(`blob ${expected.digest ?? digest} has ${size} bytes, ${expected.size} were announced`)
    if (expected.digest !== undefined && expected.digest !== digest)
      throw invalid(`blob ${expected.digest} arrived as ${digest}: the source is corrupt, try again`)
  }

  #path(digest: string): string {
    if (!DIGEST.test(digest)) throw invalid(`invalid digest ${JSON.stringify(digest)}: want sha256: and 64 hex digits`)
    return join(this.#blobs, digest.slice('sha256:'.length))
  }
}

/** Hashes the first `start` bytes, cuts what follows, and writes the rest of the source behind them. */
async function append(
  handle: fs.promises.FileHandle,
  start: number,
  source: (offset: number) => Promise<Readable>,
  announced: number | undefined,
  onProgress?: (bytes: number) => void,
): Promise<{ digest: string; size: number }> {
  await handle.truncate(start)
  const hash = createHash('sha256')
  let size = await rehash(handle, hash)
  if (announced === undefined || size < announced) {
    for await (const chunk of await source(size)) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer)
      hash.update(bytes)
      await handle.appendFile(bytes)
      size += bytes.length
      onProgress?.(size)
      // More than announced: wrong already, and perhaps without end.
      if (announced !== undefined && size > announced) break
    }
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}

/** @returns the bytes that were there */
async function rehash(handle: fs.promises.FileHandle, hash: Hash): Promise<number> {
  const buffer = Buffer.allocUnsafe(1 << 20)
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) return at
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}

function explained(error: unknown, expected: Expected): unknown {
  if (error instanceof BerthError || codeOf(error) !== 'ENOSPC') return error
  const what = expected.digest ? `blob ${expected.digest}` : 'a blob'
  return failed(`write ${what}`, error)
}

function failed(operation: string, cause: unknown): BerthError {
  const errno = codeOf(cause)
  const words = errno === 'ENOSPC' ? 'no space left on device: free some with prune' : messageOf(cause)
  return system(`${operation}: ${words}`, { cause, details: { errno } })
}

function absent(digest: string): BerthError {
  return notFound(`blob ${digest} is not in the content store`)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
