import { BerthError } from '#lib/errors.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough, type Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ApiVersion } from './api-version.ts'
import { readJson } from './body.ts'
import type { Query } from './query.ts'

/** Bytes of an upload that may wait to be unpacked. */
const UPLOAD_BUFFER = 256 * 1024

/** The raw connection of a request that asked for `Upgrade: tcp`. */
export interface Upgrade {
  socket: Duplex
  /** Bytes that came in the same packet as the request. */
  head: Buffer
}

interface Parts {
  request: IncomingMessage
  response: ServerResponse
  params: Record<string, string>
  query: Query
  version: ApiVersion
  /** Aborts when the server closes. */
  closing: AbortSignal
  upgrade?: Upgrade
}

/** One request and the ways to answer it. */
export class Context {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: Query
  readonly version: ApiVersion
  readonly upgrade: Upgrade | undefined
  readonly #params: Record<string, string>
  readonly #closing: AbortSignal
  #abort: AbortController | undefined

  constructor(parts: Parts) {
    this.request = parts.request
    this.response = parts.response
    this.query = parts.query
    this.version = parts.version
    this.upgrade = parts.upgrade
    this.#params = parts.params
    this.#closing = parts.closing
  }

  param(name: string): string {
    return this.#params[name] ?? ''
  }

  /** Aborts when the client goes away before it has its answer, or the server closes. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController()
      this.#abort = abort
      const closing = () => abort.abort(new BerthError('cancelled', 'the daemon is stopping'))
      const gone = () => {
        this.#closing.removeEventListener('abort', closing)
        if (!this.response.writableFinished) abort.abort(clientGone())
      }
      if (this.#closing.aborted) closing()
      else this.#closing.addEventListener('abort', closing, { once: true })
      if (this.response.closed || this.response.destroyed) gone()
      else this.response.once('close', gone)
    }
    return this.#abort.signal
  }

  /** @throws invalid for broken JSON or another content type, too-large */
  body(): Promise<unknown> {
    return readJson(this.request)
  }

  /**
   * The body as a stream for others to consume. They may destroy it: the connection stays, so that the reason can
   * still be answered. Fails when the client goes away half way.
   */
  upload(): Readable {
    const { request } = this
    const body = new PassThrough({ highWaterMark: UPLOAD_BUFFER })
    request.once('error', cause => body.destroy(clientGone(cause)))
    // Whoever reads it hears of errors; where it was refused unread, a client that goes away then is no event.
    body.on('error', () => {})
    body.once('close', () => request.unpipe(body))
    return request.pipe(body)
  }

  json(status: number, body: unknown): void {
    this.text(status, 'application/json', `${JSON.stringify(body)}\n`)
  }

  text(status: number, contentType: string, text: string): void {
    const bytes = Buffer.from(text)
    this.response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': bytes.length })
    this.response.end(this.request.method === 'HEAD' ? undefined : bytes)
  }

  empty(status: number): void {
    this.response.writeHead(status)
    this.response.end()
  }

  /** Sends the head at once; `write` and `end` follow. */
  begin(contentType: string, status = 200): void {
    this.response.writeHead(status, { 'Content-Type': contentType })
    this.response.flushHeaders()
  }

  /** Resolves when the client's side has room again. @throws cancelled when it has gone */
  async write(chunk: string | Buffer): Promise<void> {
    const { response, signal } = this
    if (signal.aborted || response.destroyed) throw clientGone()
    if (response.write(chunk)) return
    await new Promise<void>((resolve, reject) => {
      const done = () => {
        response.off('drain', done)
        signal.removeEventListener('abort', gone)
        resolve()
      }
      const gone = () => {
        response.off('drain', done)
        reject(clientGone())
      }
      response.once('drain', done)
      signal.addEventListener('abort', gone, { once: true })
    })
  }

  end(): void {
    this.response.end()
  }

  /** Sends a stream as the whole body; the source is destroyed when the client goes away. */
  async send(source: Readable, contentType: string, headers: Record<string, string> = {}): Promise<void> {
    this.response.writeHead(200, { 'Content-Type': contentType, ...headers })
    this.response.flushHeaders()
    const { signal } = this
    await pipeline(source, this.response).catch((cause: unknown) => {
      // The write that failed may be heard of before the connection's end is.
      throw signal.aborted || hungUp(cause) ? clientGone(cause) : cause
    })
  }
}

const clientGone = (cause?: unknown) => new BerthError('cancelled', 'the client went away', { cause })

/** Whether writing failed because the other side closed the connection. */
function hungUp(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
