import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { BerthError, isKind, system } from '#lib/errors.ts'
import type { PutOptions } from '#ports/targets.ts'
import { endWith } from '../abort.ts'
import type { Patience } from '../patience.ts'
import type { Connection } from './connection.ts'
import { cutIntoParts, FIRST_PART, MAX_PARTS, parallelParts, SMALLEST_PART, type Part } from './parts.ts'

export interface UploadOptions extends PutOptions {
  /** Bytes of the first part; those that follow grow. */
  firstPart?: number
  /** User metadata, ASCII. */
  metadata?: Record<string, string>
}

interface Token {
  id: string
  first: number
}

/** What the server has of an upload, by part number. */
type Known = Map<number, { etag: string; size: number }>

/**
 * Small content in one request; else an upload in parts, a few of them at a time. The server shows it only when it is whole.
 */
export async function upload(
  connection: Connection,
  key: string,
  content: Readable,
  newPatience: () => Patience,
  options: UploadOptions = {},
): Promise<{ bytes: number }> {
  const one = new Upload(connection, key, newPatience, options)
  const release = endWith(content, options.signal)
  try {
    return await one.run(content)
  } catch (error) {
    content.destroy()
    await one.giveUp(error)
    throw error
  } finally {
    release()
  }
}

class Upload {
  readonly #connection: Connection
  readonly #key: string
  readonly #newPatience: () => Patience
  readonly #options: UploadOptions
  readonly #first: number
  readonly #resumed: Token | undefined
  /** Undefined while there is no need for parts. */
  #id: string | undefined
  #known: Known = new Map()
  readonly #done = new Map<number, { PartNumber: number; ETag: string; md5: Buffer }>()
  #bytes = 0
  /** Whether the server has answered anything. */
  #reached = false

  constructor(connection: Connection, key: string, newPatience: () => Patience, options: UploadOptions) {
    this.#connection = connection
    this.#key = key
    this.#newPatience = newPatience
    this.#options = options
    this.#resumed = parseToken(options.resume)
    this.#first = this.#resumed?.first ?? options.firstPart ?? FIRST_PART
  }

  async run(content: Readable): Promise<{ bytes: number }> {
    const underWay = new Set<Promise<void>>()
    let failed: { error: unknown } | undefined
    let length = 0
    let parts = 0
    for await (const part of cutIntoParts(content as AsyncIterable<Buffer>, this.#first)) {
      if (failed) throw failed.error
      const only = part.number === 1 && part.bytes.length < this.#first
      length += part.bytes.length
      parts = part.number
      if (only) return await this.#putWhole(part)
      if (part.number > MAX_PARTS) throw system(`${this.#connection.where(this.#key).url} is too large for S3`)
      // A last part may be empty when the content ended with the one before.
      if (part.bytes.length === 0) {
        parts--
        break
      }
      this.#id ??= await this.#begin()
      const sent = this.#send(part).catch((error: unknown) => void (failed ??= { error }))
      underWay.add(sent)
      void sent.then(() => underWay.delete(sent))
      while (underWay.size >= parallelParts(part.bytes.length) && !failed) await Promise.race(underWay)
    }
    await Promise.all(underWay)
    if (failed) throw failed.error
    await this.#complete(parts, length)
    return { bytes: length }
  }

  /** Takes back what is at the server, unless a later attempt may use it. */
  async giveUp(error: unknown): Promise<void> {
    const lost = isKind(error, 'not-found') || (error instanceof BerthError && error.details['damaged'] === true)
    if (this.#id === undefined || (this.#options.onToken && !lost)) return
    const UploadId = this.#id
    const abort = this.#connection.request(this.#key, (client, { AbortMultipartUploadCommand }, bucket) =>
      client.send(new AbortMultipartUploadCommand({ ...bucket, Key: this.#key, UploadId }), {
        abortSignal: AbortSignal.timeout(10_000),
      }),
    )
    await abort.catch(() => {})
  }

  async #putWhole({ bytes, md5 }: Part): Promise<{ bytes: number }> {
    await this.#patiently(signal =>
      this.#connection.request(
        this.#key,
        (client, { PutObjectCommand }, bucket) =>
          client.send(
            new PutObjectCommand({
              ...bucket,
              Key: this.#key,
              Body: bytes,
              ContentLength: bytes.length,
              ContentMD5: md5.toString('base64'),
              ...(this.#options.metadata && { Metadata: this.#options.metadata }),
            }),
            signal ? { abortSignal: signal } : {},
          ),
        signal,
      ),
    )
    this.#options.onProgress?.(bytes.length)
    return { bytes: bytes.length }
  }

  async #begin(): Promise<string> {
    if (this.#resumed) {
      const known = await this.#look(this.#resumed.id)
      if (known) {
        this.#known = known
        this.#tell(this.#resumed.id)
        return this.#resumed.id
      }
    }
    const { UploadId } = await this.#patiently(signal =>
      this.#connection.request(
        this.#key,
        (client, { CreateMultipartUploadCommand }, bucket) =>
          client.send(
            new CreateMultipartUploadCommand({
              ...bucket,
              Key: this.#key,
              ...(this.#options.metadata && { Metadata: this.#options.metadata }),
            }),
            signal ? { abortSignal: signal } : {},
          ),
        signal,
      ),
    )
    if (UploadId === undefined) throw system(`${this.#connection.endpoint} gave no upload id`)
    this.#tell(UploadId)
    return UploadId
  }

  #tell(id: string): void {
    this.#options.onToken?.(JSON.stringify({ id, first: this.#first } satisfies Token))
  }

  /** undefined when the server has no such upload, or will not tell. */
  async #look(UploadId: string): Promise<Known | undefined> {
    const known: Known = new Map()
    let marker: string | undefined
    try {
      do {
        const page = await this.#patiently(signal =>
          this.#connection.request(
            this.#key,
            (client, { ListPartsCommand }, bucket) =>
              client.send(
                new ListPartsCommand({
                  ...bucket,
                  Key: this.#key,
                  UploadId,
                  ...(marker && { PartNumberMarker: marker }),
                }),
                signal ? { abortSignal: signal } : {},
              ),
            signal,
          ),
        )
        for (const { PartNumber, ETag, Size } of page.Parts ?? []) {
          if (PartNumber !== undefined && ETag) known.set(PartNumber, { etag: ETag, size: Size ?? -1 })
        }
        marker = page.IsTruncated ? page.NextPartNumberMarker : undefined
      } while (marker !== undefined)
      return known
    } catch (error) {
      if (isKind(error, 'not-found') || isKind(error, 'system') || isKind(error, 'forbidden')) return undefined
      throw error
    }
  }

  async #send(part: Part): Promise<void> {
    const known = this.#known.get(part.number)
    const same = known?.size === part.bytes.length && hexOf(known.etag) === part.md5.toString('hex')
    const ETag = same ? known.etag : await this.#sendPart(part)
    this.#done.set(part.number, { PartNumber: part.number, ETag, md5: part.md5 })
    this.#bytes += part.bytes.length
    this.#options.onProgress?.(this.#bytes)
  }

  async #sendPart({ number, bytes, md5 }: Part): Promise<string> {
    const { ETag } = await this.#patiently(signal =>
      this.#connection.request(
        this.#key,
        (client, { UploadPartCommand }, bucket) =>
          client.send(
            new UploadPartCommand({
              ...bucket,
              Key: this.#key,
              UploadId: this.#id!,
              PartNumber: number,
              Body: bytes,
              ContentLength: bytes.length,
              ContentMD5: md5.toString('base64'),
            }),
            signal ? { abortSignal: signal } : {},
          ),
        signal,
      ),
    )
    if (!ETag) throw system(`${this.#connection.endpoint} gave no ETag for a part`)
    return ETag
  }

  async #complete(parts: number, length: number): Promise<void> {
    const list = Array.from({ length: parts }, (_, index) => this.#done.get(index + 1)!)
    const Parts = list.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
    const began = Date.now()
    let tries = 0
    try {
      await this.#patiently(signal => {
        tries++
        return this.#connection.request(
          this.#key,
          (client, { CompleteMultipartUploadCommand }, bucket) =>
            client.send(
              new CompleteMultipartUploadCommand({
                ...bucket,
                Key: this.#key,
                UploadId: this.#id!,
                MultipartUpload: { Parts },
              }),
              signal ? { abortSignal: signal } : {},
            ),
          signal,
        )
      })
    } catch (error) {
      // An answer that was lost: the upload is no more, since it is the object now.
      const lost = tries > 1 && (isKind(error, 'not-found') || isKind(error, 'system'))
      if (
        !lost ||
        !(await this.#isThere(
          length,
          list.map(one => one.md5),
          began,
        ))
      )
        throw error
    }
    this.#id = undefined
  }

  async #isThere(length: number, digests: Buffer[], began: number): Promise<boolean> {
    const head = await this.#patiently(signal =>
      this.#connection.request(this.#key, (client, { HeadObjectCommand }, bucket) =>
        client.send(new HeadObjectCommand({ ...bucket, Key: this.#key }), signal ? { abortSignal: signal } : {}),
      ),
    ).catch(() => undefined)
    if (head?.ContentLength !== length) return false
    const expected = `${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${digests.length}`
    // Some servers have other ETags; what has the length and appeared in these minutes is ours, too.
    return hexOf(head.ETag ?? '') === expected || (head.LastModified?.getTime() ?? 0) >= began - 60_000
  }

  /** Asks again while the server is down; but one that never answered is most likely a wrong one. */
  async #patiently<T>(ask: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    const patience = this.#newPatience()
    for (;;) {
      try {
        patience.signal?.throwIfAborted()
        const answer = await ask(patience.signal)
        this.#reached = true
        patience.progressed()
        return answer
      } catch (error) {
        patience.signal?.throwIfAborted()
        const answered = error instanceof BerthError && error.details['status'] !== undefined
        this.#reached ||= answered
        if (!isKind(error, 'unavailable') || !this.#reached) throw error
        await patience.after(error)
      }
    }
  }
}

const hexOf = (etag: string) => etag.replaceAll('"', '').toLowerCase()

function parseToken(text: string | undefined): Token | undefined {
  try {
    const { id, first } = JSON.parse(text ?? '{}') as Partial<Token>
    return typeof id === 'string' && Number.isInteger(first) && first! >= SMALLEST_PART
      ? { id, first: first! }
      : undefined
  } catch {
    return undefined
  }
}
