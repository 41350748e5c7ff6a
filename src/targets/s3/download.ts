import { Readable } from 'node:stream'
import { invalid, isKind, system, unavailable } from '#lib/errors.ts'
import type { Patience } from '../patience.ts'
import type { Connection } from './connection.ts'
import { s3Error } from './words.ts'

export interface Download {
  stream: Readable
  /** Of the whole object. */
  size: number
  modified: number
  metadata: Record<string, string>
}

/** Reads an object from a byte on; a connection that breaks is followed by another one. @throws when the first request fails */
export async function download(
  connection: Connection,
  key: string,
  offset: number,
  patience: Patience,
): Promise<Download> {
  const closed = new AbortController()
  const signal = patience.signal ? AbortSignal.any([closed.signal, patience.signal]) : closed.signal
  const { url, endpoint } = connection.where(key)
  const get = (at: number, IfMatch?: string) =>
    connection.request(
      key,
      (client, { GetObjectCommand }, bucket) =>
        client.send(
          new GetObjectCommand({
            ...bucket,
            Key: key,
            ...(at > 0 && { Range: `bytes=${at}-` }),
            ...(IfMatch && { IfMatch }),
          }),
          { abortSignal: signal },
        ),
      signal,
    )
  const first = await get(offset).catch(async (error: unknown) => {
    // Behind the last byte there is no range; at the end there is nothing to read all the same.
    if (offset === 0 || (error as { details?: { status?: number } }).details?.status !== 416) throw error
    return undefined
  })
  if (!first) return atTheEnd(connection, key, offset)
  const size = first.ContentRange ? Number(first.ContentRange.split('/')[1]) : (first.ContentLength ?? 0)
  const etag = first.ETag

  async function* pieces(): AsyncGenerator<Buffer> {
    let at = offset
    let body = first?.Body as Readable | undefined
    for (;;) {
      try {
        body ??= (await get(at, etag)).Body as Readable
        for await (const piece of body as AsyncIterable<Buffer>) {
          patience.progressed()
          at += piece.length
          yield piece
        }
        if (at === size) return
        throw unavailable(`${endpoint} closed the connection in the middle of ${url}`)
      } catch (error) {
        signal.throwIfAborted()
        const known = s3Error(error, connection.where(key))
        if ((known as { details?: { status?: number } }).details?.status === 412)
          throw system(`${url} changed while it was read`)
        if (!isKind(known, 'unavailable')) throw known
        await patience.after(known)
      } finally {
        body?.destroy()
        body = undefined
      }
    }
  }
  const stream = Readable.from(pieces(), { objectMode: false, highWaterMark: 1024 * 1024 })
  stream.once('close', () => {
    closed.abort(unavailable('closed'))
    ;(first.Body as Readable).destroy()
  })
  return { stream, size, modified: first.LastModified?.getTime() ?? 0, metadata: first.Metadata ?? {} }
}

async function atTheEnd(connection: Connection, key: string, offset: number): Promise<Download> {
  const head = await connection.request(key, (client, { HeadObjectCommand }, bucket) =>
    client.send(new HeadObjectCommand({ ...bucket, Key: key })),
  )
  const size = head.ContentLength ?? 0
  if (offset > size) throw invalid(`${connection.where(key).url} has ${size} bytes: cannot start at ${offset}`)
  return {
    stream: Readable.from([], { objectMode: false }),
    size,
    modified: head.LastModified?.getTime() ?? 0,
    metadata: head.Metadata ?? {},
  }
}
