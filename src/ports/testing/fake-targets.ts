import { PassThrough, Readable, Transform } from 'node:stream'
import { invalid, notFound } from '#lib/errors.ts'
import type {
  BackupTarget,
  DecryptionKeys,
  EncryptionKeys,
  ObjectPlace,
  PutOptions,
  TargetEnvironment,
  TargetObject,
  Targets,
} from '#ports/targets.ts'

/** Places in memory, one for each URL, that can be told to fail. */
export class FakeTargets implements Targets {
  readonly places = new Map<string, FakeTarget>()
  readonly buckets = new Map<string, FakeObjects>()
  /** With what each was opened. */
  readonly opened: { url: string; environment: TargetEnvironment }[] = []

  async open(url: string, environment: TargetEnvironment): Promise<FakeTarget> {
    if (!/^(\/|s3:\/\/|ssh:\/\/)/.test(url)) throw invalid(`unsupported place ${url}`)
    this.opened.push({ url, environment })
    const place = url.endsWith('/') ? url : `${url}/`
    const target = this.places.get(place) ?? new FakeTarget(place)
    this.places.set(place, target)
    return target
  }

  async objects(url: string, environment: TargetEnvironment): Promise<FakeObjects> {
    if (!url.startsWith('s3://')) throw invalid(`${url} has no objects`)
    this.opened.push({ url, environment })
    const place = this.buckets.get(url) ?? new FakeObjects(url)
    this.buckets.set(url, place)
    return place
  }

  /** Puts the keys in front: whoever has them reads it. */
  async encrypting(keys: EncryptionKeys): Promise<Transform> {
    const head = 'passphrase' in keys ? keys.passphrase : keys.recipients.join(',')
    const stream = new PassThrough()
    stream.write(`sealed for ${head}\n`)
    return stream
  }

  async decrypting({ identities = [], passphrase }: DecryptionKeys): Promise<Transform> {
    const heads = [...identities, ...(passphrase === undefined ? [] : [passphrase])].map(one => `sealed for ${one}\n`)
    let head: Buffer | undefined = Buffer.alloc(0)
    return new Transform({
      transform(bytes: Buffer, _encoding, done) {
        if (!head) return done(null, bytes)
        head = Buffer.concat([head, bytes])
        const end = head.indexOf('\n') + 1
        if (end === 0) return done()
        if (!heads.includes(head.subarray(0, end).toString())) return done(invalid('none of the keys opens it'))
        const rest = head.subarray(end)
        head = undefined
        done(null, rest)
      },
      flush(done) {
        done(head ? invalid('its end is missing') : null)
      },
    })
  }
}

export class FakeObjects implements ObjectPlace {
  readonly url: string
  readonly objects = new Map<string, { bytes: Buffer; modified: number; metadata: Record<string, string> }>()
  /** What puts of these names end with. */
  readonly failing = new Map<string, Error>()
  closed = 0

  constructor(url: string) {
    this.url = url
  }

  async *list(): AsyncGenerator<TargetObject> {
    const names = Array.from(this.objects.keys()).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    for (const name of names) yield (await this.stat(name))!
  }

  async stat(name: string): Promise<TargetObject | undefined> {
    const object = this.objects.get(name)
    return object && { name, size: object.bytes.length, modified: object.modified }
  }

  async put(
    name: string,
    content: Readable,
    options: { metadata: Record<string, string>; signal?: AbortSignal },
  ): Promise<{ bytes: number }> {
    const pieces: Buffer[] = []
    for await (const piece of content as AsyncIterable<Buffer>) pieces.push(piece)
    options.signal?.throwIfAborted()
    const error = this.failing.get(name)
    if (error) throw error
    const bytes = Buffer.concat(pieces)
    this.objects.set(name, { bytes, modified: Date.now(), metadata: options.metadata })
    return { bytes: bytes.length }
  }

  async open(name: string) {
    const object = this.objects.get(name)
    if (!object) throw notFound(`${this.url}${name}: no such object`)
    const { bytes, modified, metadata } = object
    const content = Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false })
    return { content, size: bytes.length, modified, metadata }
  }

  async remove(name: string): Promise<void> {
    this.objects.delete(name)
  }

  async close(): Promise<void> {
    this.closed++
  }
}

export class FakeTarget implements BackupTarget {
  readonly url: string
  readonly objects = new Map<string, { bytes: Buffer; modified: number }>()
  /** Of attempts that failed, by token. */
  readonly partial = new Map<string, Buffer>()
  /** The next put fails with this when it has so many bytes. */
  failPut: { after: number; error: Error } | undefined
  closed = 0
  #tokens = 0

  constructor(url: string) {
    this.url = url
  }

  async put(name: string, content: Readable, options: PutOptions = {}): Promise<{ bytes: number }> {
    const token = options.resume ?? `token-${++this.#tokens}`
    const taken: Buffer[] = []
    let bytes = 0
    try {
      check(name)
      options.onToken?.(token)
      for await (const piece of content as AsyncIterable<Buffer>) {
        options.signal?.throwIfAborted()
        taken.push(piece)
        bytes += piece.length
        const { failPut } = this
        if (failPut && bytes >= failPut.after) {
          this.failPut = undefined
          throw failPut.error
        }
        options.onProgress?.(bytes)
      }
    } catch (error) {
      content.destroy()
      if (options.onToken) this.partial.set(token, Buffer.concat(taken))
      throw error
    }
    this.partial.delete(token)
    this.objects.set(name, { bytes: Buffer.concat(taken), modified: Date.now() })
    return { bytes }
  }

  async open(name: string, offset = 0): Promise<Readable> {
    check(name)
    const object = this.objects.get(name)
    if (!object) throw notFound(`${this.url}${name}: no such backup`)
    if (offset > object.bytes.length) throw invalid(`${this.url}${name} has ${object.bytes.length} bytes`)
    const rest = object.bytes.subarray(offset)
    return Readable.from(rest.length === 0 ? [] : [rest], { objectMode: false })
  }

  async stat(name: string): Promise<TargetObject | undefined> {
    const object = this.objects.get(name)
    return object && { name, size: object.bytes.length, modified: object.modified }
  }

  async list(prefix = ''): Promise<TargetObject[]> {
    return Array.from(this.objects, ([name, { bytes, modified }]) => ({ name, size: bytes.length, modified }))
      .filter(one => one.name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async remove(name: string): Promise<void> {
    check(name)
    this.objects.delete(name)
  }

  async close(): Promise<void> {
    this.closed++
  }
}

function check(name: string): void {
  const bad = (segment: string) => ['', '.', '..'].includes(segment) || /\0|^\..*\.part-[0-9a-f]{16}$/.test(segment)
  if (name.split('/').some(bad)) throw invalid(`invalid name ${JSON.stringify(name)} for a backup`)
}
