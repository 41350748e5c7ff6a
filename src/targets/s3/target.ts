import type { Readable } from 'node:stream'
import { invalid, notFound } from '#lib/errors.ts'
import type { BackupTarget, PutOptions, TargetEnvironment, TargetObject } from '#ports/targets.ts'
import { segmentsOf } from '../names.ts'
import { DELAYS, Patience } from '../patience.ts'
import type { Place } from '../url.ts'
import { Connection } from './connection.ts'
import { download } from './download.ts'
import { listObjects } from './list.ts'
import { removeObject, statObject } from './single.ts'
import { upload } from './upload.ts'

/** Bytes of a key. */
const MAX_KEY = 1024

interface Tuning {
  delays?: readonly number[]
  /** Bytes. */
  firstPart?: number
}

/** A bucket, or what is below a prefix of it. */
export class S3Target implements BackupTarget {
  readonly url: string
  readonly #prefix: string
  readonly #connection: Connection
  readonly #delays: readonly number[]
  readonly #firstPart: number | undefined

  constructor(
    place: Place & { kind: 's3' },
    environment: TargetEnvironment,
    { delays = DELAYS, firstPart }: Tuning = {},
  ) {
    this.url = `s3://${place.bucket}/${place.prefix}`
    this.#prefix = place.prefix
    this.#connection = new Connection(place.bucket, environment)
    this.#delays = delays
    this.#firstPart = firstPart
  }

  async put(name: string, content: Readable, options: PutOptions = {}): Promise<{ bytes: number }> {
    let key: string
    try {
      key = this.#keyOf(name)
    } catch (error) {
      content.destroy()
      throw error
    }
    const patience = () => new Patience(this.#delays, options)
    return upload(this.#connection, key, content, patience, {
      ...options,
      ...(this.#firstPart !== undefined && { firstPart: this.#firstPart }),
    })
  }

  async open(
    name: string,
    offset = 0,
    options: { onWait?: (reason: string) => void; signal?: AbortSignal } = {},
  ): Promise<Readable> {
    const key = this.#keyOf(name)
    return (await download(this.#connection, key, offset, new Patience(this.#delays, options))).stream
  }

  async stat(name: string): Promise<TargetObject | undefined> {
    const key = this.#keyOf(name)
    const found = await statObject(this.#connection, key)
    return found && { name, ...found }
  }

  async list(prefix = ''): Promise<TargetObject[]> {
    if (prefix.includes('\0')) throw invalid('the prefix contains a null byte')
    const found: TargetObject[] = []
    for await (const { key, size, modified } of listObjects(this.#connection, this.#prefix + prefix)) {
      found.push({ name: key.slice(this.#prefix.length), size, modified })
    }
    // By UTF-8 there, by UTF-16 here.
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async remove(name: string): Promise<void> {
    const key = this.#keyOf(name)
    await removeObject(this.#connection, key)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #keyOf(name: string): string {
    segmentsOf(name)
    const key = this.#prefix + name
    if (Buffer.byteLength(key) > MAX_KEY) throw invalid(`the key ${key} is too long: at most ${MAX_KEY} bytes`)
    if (key === '') throw notFound('no name')
    return key
  }
}
