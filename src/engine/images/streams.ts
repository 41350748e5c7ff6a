import { PassThrough, Readable, Transform, pipeline } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { compressionOf } from '#codec/oci/manifest.ts'
import { BerthError, invalid, messageOf } from '#lib/errors.ts'

/** The first bytes of a stream, and the stream as if they had not been read. */
export async function peek(source: Readable, bytes: number): Promise<{ head: Buffer; whole: Readable }> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const parts: Buffer[] = []
  let length = 0
  let ended = false
  while (length < bytes && !ended) {
    const next = await chunks.next()
    if (next.done) ended = true
    else {
      parts.push(next.value)
      length += next.value.length
    }
  }
  async function* all() {
    yield* parts
    if (!ended) yield* { [Symbol.asyncIterator]: () => chunks }
  }
  const whole = Readable.from(all(), { objectMode: false })
  // Not in a `finally` of the generator: one that never started has none to run.
  whole.once('close', () => source.destroy())
  return { head: Buffer.concat(parts).subarray(0, bytes), whole }
}

/**
 * A tar, plain or compressed, as a plain one.
 * @param what names the stream in the error
 * @param other opens bzip2 and xz
 */
export async function decompressed(
  source: Readable,
  what: string,
  other?: (source: Readable) => Promise<Readable>,
): Promise<Readable> {
  const { head, whole } = await peek(source, 6)
  const compression = compressionOf(head)
  switch (compression) {
    case 'none':
      return whole
    case 'gzip':
      return blamed(
        pipeline(whole, createGunzip(), () => {}),
        what,
      )
    case 'zstd':
      return blamed(
        pipeline(whole, createZstdDecompress(), () => {}),
        what,
      )
    case 'bzip2':
    case 'xz':
      if (other) return await other(whole)
      whole.destroy()
      throw invalid(`${what} is compressed with ${compression}: unpack it first, or use gzip or zstd`)
  }
}

/** What zlib says of bad input is the input's fault, not the host's. */
function blamed(plain: Readable, what: string): Readable {
  async function* all() {
    try {
      yield* plain
    } catch (cause) {
      if (cause instanceof BerthError || !/^(Z_|ZSTD_|ERR_ZLIB)/.test(codeOf(cause))) throw cause
      throw invalid(`${what} is damaged: ${messageOf(cause)}`, { cause })
    }
  }
  const whole = Readable.from(all(), { objectMode: false })
  whole.once('close', () => plain.destroy())
  return whole
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '')

export async function readAll(source: Readable, limit: number, what: string): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const chunk of source) {
    length += (chunk as Buffer).length
    if (length > limit) throw invalid(`${what} is over the limit of ${limit} bytes`)
    parts.push(chunk as Buffer)
  }
  return Buffer.concat(parts)
}

/** The same stream, its bytes counted as they pass. */
export function counted(source: Readable, onBytes: (bytes: number) => void): Readable {
  let bytes = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      onBytes(bytes)
      done(null, chunk)
    },
  })
  return pipeline(source, counter, () => {})
}

/**
 * The same stream, which may be given up: the rest of the source is then read and dropped. Destroying the body of an
 * HTTP request would cut the connection before the client has read why.
 */
export function shielded(source: Readable): Readable {
  const shield = new PassThrough()
  // Whoever reads it hears of errors; a client may go away while nobody does.
  shield.on('error', () => {})
  let ended = false
  source.pipe(shield)
  source.once('end', () => (ended = true))
  source.once('error', error => shield.destroy(error))
  source.once('close', () => {
    if (!ended) shield.destroy(new Error('the client went away before it had sent everything'))
  })
  shield.once('close', () => {
    source.unpipe(shield)
    source.resume()
  })
  return shield
}
