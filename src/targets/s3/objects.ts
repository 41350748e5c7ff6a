import type { Readable } from 'node:stream'
import type { ObjectPlace, TargetEnvironment, TargetObject } from '#ports/targets.ts'
import { DELAYS, Patience } from '../patience.ts'
import type { Place } from '../url.ts'
import { Connection } from './connection.ts'
import { download } from './download.ts'
import { listObjects } from './list.ts'
import { removeObject, statObject } from './single.ts'
import { upload } from './upload.ts'

interface Waiting {
  onWait?: (reason: string) => void
  signal?: AbortSignal
}

/** The objects below a prefix of a bucket. */
export class S3Objects implements ObjectPlace {
  readonly url: string
  readonly #prefix: string
  readonly #connection: Connection
  readonly #delays: readonly number[]

  constructor(place: Place & { kind: 's3' }, environment: TargetEnvironment, delays: readonly number[] = DELAYS) {
    this.url = `s3://${place.bucket}/${place.prefix}`
    this.#prefix = place.prefix
    this.#connection = new Connection(place.bucket, environment)
    this.#delays = delays
  }

  async *list(signal?: AbortSignal): AsyncGenerator<TargetObject> {
    for await (const { key, size, modified } of listObjects(this.#connection, this.#prefix, signal)) {
      yield { name: key.slice(this.#prefix.length), size, modified }
    }
  }

  async stat(name: string): Promise<TargetObject | undefined> {
    const found = await statObject(this.#connection, this.#prefix + name)
    return found && { name, ...found }
  }

  put(
    name: string,
    content: Readable,
    options: Waiting & { metadata: Record<string, string> },
  ): Promise<{ bytes: number }> {
    const patience = () => new Patience(this.#delays, options)
    return upload(this.#connection, this.#prefix + name, content, patience, options)
  }

  async open(name: string, options: Waiting = {}) {
    const patience = new Patience(this.#delays, options)
    const { stream, ...rest } = await download(this.#connection, this.#prefix + name, 0, patience)
    return { content: stream, ...rest }
  }

  remove(name: string): Promise<void> {
    return removeObject(this.#connection, this.#prefix + name)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
