import { HEAD_SIZE, headerIn, readIndex } from '#codec/backup/index.ts'
import { BerthError, messageOf } from '#lib/errors.ts'
import { firstBytes, through } from '#lib/streams.ts'
import type { BackupHeader } from '#model/backup.ts'
import type { BackupTarget, DecryptionKeys } from '#targets/index.ts'
import { decrypting, isEncrypted, isRemote, openTarget } from '#targets/index.ts'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import { objectOf } from './destination.ts'

/** Bytes of the end of an encrypted archive that are kept while it is read for its index. */
const TAIL = 64 << 20

/** A backup that lies somewhere, encrypted or not. */
export class Archive {
  /** As the user may write it. */
  readonly location: string
  readonly place: string
  readonly name: string
  readonly target: BackupTarget
  readonly #keys: DecryptionKeys
  #head: Promise<{ encrypted: boolean; header: BackupHeader | undefined }> | undefined

  constructor(target: BackupTarget, parts: { location: string; place: string; name: string }, keys: DecryptionKeys) {
    this.target = target
    this.location = parts.location
    this.place = parts.place
    this.name = parts.name
    this.#keys = keys
  }

  /** Bytes as they lie there. @throws CliError when there is none */
  async size(): Promise<number> {
    const found = await this.target.stat(this.name)
    if (found) return found.size
    const place = !isRemote(this.location) && (await stat(this.location).catch(() => undefined))?.isDirectory()
    throw new CliError(`${this.location}: ${place ? 'this is a directory: name a backup in it' : 'no such backup'}`)
  }

  /** undefined: none of ours. */
  async header(): Promise<BackupHeader | undefined> {
    return (await this.#look()).header
  }

  /** The archive from a byte on, decrypted. */
  async open(offset = 0): Promise<Readable> {
    const { encrypted } = await this.#look()
    if (!encrypted) return this.target.open(this.name, offset)
    const plain = await this.#decrypted()
    return offset === 0 ? plain : skipping(plain, offset)
  }

  /** See `readIndex`; an encrypted archive is read as a whole. */
  async index(): Promise<{ header: BackupHeader; index: Buffer }> {
    try {
      const { encrypted } = await this.#look()
      if (encrypted) return await this.#indexOfEncrypted()
      const size = await this.size()
      const read = async (offset: number, length: number) =>
        firstBytes(await this.target.open(this.name, offset), length)
      return await readIndex({ size, read })
    } catch (error) {
      throw error instanceof BerthError ? named(this.location, error) : error
    }
  }

  #look() {
    return (this.#head ??= this.#lookOnce())
  }

  async #lookOnce() {
    await this.size()
    const raw = await firstBytes(await this.target.open(this.name), HEAD_SIZE)
    const encrypted = isEncrypted(raw)
    const head = encrypted ? await firstBytes(await this.#decrypted(), HEAD_SIZE) : raw
    return { encrypted, header: headerIn(head) }
  }

  async #decrypted(): Promise<Readable> {
    return through(await this.target.open(this.name), await decrypting(this.#keys))
  }

  async #indexOfEncrypted() {
    let tail: Buffer[] = []
    let [kept, size] = [0, 0]
    for await (const chunk of (await this.#decrypted()) as AsyncIterable<Buffer>) {
      tail.push(chunk)
      kept += chunk.length
      size += chunk.length
      while (kept - tail[0]!.length >= TAIL) kept -= tail.shift()!.length
    }
    const end = Buffer.concat(tail)
    tail = []
    const read = async (offset: number, length: number) => {
      const at = offset - (size - kept)
      if (at < 0) throw new CliError(`${this.location}: its index is too large to be read through encryption`)
      return end.subarray(at, at + length)
    }
    return readIndex({ size, read })
  }
}

/** By a path or URL. @throws invalid */
export async function openArchive(context: Context, location: string, keys: DecryptionKeys): Promise<Archive> {
  const { place, name } = objectOf(location)
  return new Archive(await openTarget(place, context.env), { location, place, name }, keys)
}

async function skipping(source: Readable, offset: number): Promise<Readable> {
  const { Readable } = await import('node:stream')
  let left = offset
  return Readable.from(
    (async function* () {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        if (left >= chunk.length) left -= chunk.length
        else {
          yield left > 0 ? chunk.subarray(left) : chunk
          left = 0
        }
      }
    })(),
    { objectMode: false },
  )
}

/** Names the archive that an error is about. */
export function named(location: string, error: BerthError): BerthError {
  const text = messageOf(error)
  if (text.includes(location)) return error
  return new BerthError(error.kind, `${location}: ${text}`, { details: { ...error.details } })
}
