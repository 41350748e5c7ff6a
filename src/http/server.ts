import { isKind, messageOf, notFound } from '#lib/errors.ts'
import type { Logger } from '#lib/log.ts'
import { setMaxListeners } from 'node:events'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { formatVersion, MAX_API, splitVersion } from './api-version.ts'
import { Context, type Upgrade } from './context.ts'
import { bind, describe, parseHost, readTls, type TlsOptions } from './listen.ts'
import { Query } from './query.ts'
import { Router, type Route } from './router.ts'
import { statusOf } from './status.ts'

// Not imported: the namespace object of an import reads every property, which loads a WebSocket client (20 MB, 40 ms).
const http = process.getBuiltinModule('node:http')

/** Bytes: lists of names in a query and credentials in headers are long. */
const MAX_HEADER = 1024 * 1024
/** Milliseconds that a client whose upload was refused has to stop sending. */
const LINGER = 1000

export interface ApiServerOptions {
  routes: readonly Route[]
  log: Logger
  /** `Server` header. */
  serverName: string
}

/** The Engine API over HTTP: every connection of every address ends in `#serve`. */
export class ApiServer {
  readonly #router: Router
  readonly #log: Logger
  readonly #serverName: string
  readonly #servers: Server[] = []
  /** Connections that were taken over, which the HTTP servers no longer know of. */
  readonly #upgraded = new Set<Duplex>()
  readonly #closing = new AbortController()

  constructor(options: ApiServerOptions) {
    this.#router = new Router(options.routes)
    this.#log = options.log
    this.#serverName = options.serverName
    setMaxListeners(0, this.#closing.signal)
  }

  /**
   * Listens on all of `hosts` or on none.
   * @returns the addresses, with ports that were 0 filled in
   * @throws invalid, conflict when another daemon answers, system
   */
  async listen(hosts: readonly string[], options: { tls?: TlsOptions; group?: string } = {}): Promise<string[]> {
    const tls = options.tls && readTls(options.tls)
    const bound: string[] = []
    try {
      for (const text of hosts) {
        const address = parseHost(text, tls !== undefined)
        const server = this.#create(address.kind === 'tcp' ? tls : undefined)
        await bind(server, address, options.group ?? 'docker')
        this.#servers.push(server)
        const actual = server.address()
        const port = typeof actual === 'object' && actual !== null ? actual.port : 0
        bound.push(describe(address.kind === 'tcp' ? { ...address, port } : address))
        if (address.kind === 'tcp' && !tls?.verify) {
          this.#log.warn('the API is open to anyone who reaches this address and makes them root: use --tlsverify', {
            host: text,
          })
        }
      }
    } catch (error) {
      await this.close(0)
      throw error
    }
    return bound
  }

  /**
   * Takes no more requests. Streams and sessions end at once, since they have no end of their own; other requests
   * under way have `grace` milliseconds, then their connections are cut.
   */
  async close(grace: number): Promise<void> {
    const closing = this.#servers.splice(0).map(server => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), grace)
      return closed.finally(() => clearTimeout(cut))
    })
    this.#closing.abort()
    for (const socket of this.#upgraded) socket.destroy()
    await Promise.all(closing)
  }

  #create(tls: ReturnType<typeof readTls> | undefined): Server {
    const options: ServerOptions & { shouldUpgradeCallback: (request: IncomingMessage) => boolean } = {
      // Uploads and waits have no time limit, and an idle client may come back at any time.
      requestTimeout: 0,
      keepAliveTimeout: 0,
      maxHeaderSize: MAX_HEADER,
      shouldUpgradeCallback: request => this.#isHijack(request),
    }
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    const server = tls
      ? process.getBuiltinModule('node:https').createServer(
          {
            ...options,
            ca: tls.ca,
            cert: tls.cert,
            key: tls.key,
            requestCert: tls.verify,
            rejectUnauthorized: tls.verify,
            minVersion: 'TLSv1.2',
          },
          listener,
        )
      : http.createServer(options, listener)
    server.timeout = 0
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgraded.add(socket)
      socket.once('close', () => this.#upgraded.delete(socket))
      // An error of the client's side shows as `close`; without a listener it would end the daemon.
      socket.on('error', () => {})
      const response = new http.ServerResponse(request)
      response.shouldKeepAlive = false
      response.assignSocket(socket)
      response.once('finish', () => socket.end())
      void this.#serve(request, response, { socket, head })
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
      const body = `${JSON.stringify({ message: `malformed HTTP request: ${error.message}` })}\n`
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      )
    })
    return server
  }

  /** Whether a request with `Upgrade` goes to a route that takes the connection over; others ignore the header. */
  #isHijack(request: IncomingMessage): boolean {
    try {
      const path = splitVersion((request.url ?? '/').split('?', 1)[0]!).path
      return this.#router.match(request.method ?? 'GET', path)?.route.hijack === true
    } catch {
      return false
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): Promise<void> {
    try {
      this.#commonHeaders(response)
      const url = request.url ?? '/'
      const mark = url.indexOf('?')
      const { version, path } = splitVersion(mark < 0 ? url : url.slice(0, mark))
      const match = this.#router.match(request.method ?? 'GET', path)
      if (!match || (match.route.since ?? 0) > version) throw notFound('page not found')
      const query = new Query(mark < 0 ? '' : url.slice(mark + 1))
      const context = new Context({
        request,
        response,
        params: match.params,
        query,
        version,
        closing: this.#closing.signal,
        upgrade,
      })
      await match.route.handle(context)
    } catch (error) {
      this.#fail(request, response, error, upgrade)
    }
  }

  #commonHeaders(response: ServerResponse): void {
    response.setHeader('Api-Version', formatVersion(MAX_API))
    response.setHeader('Docker-Experimental', 'false')
    response.setHeader('Ostype', 'linux')
    response.setHeader('Server', this.#serverName)
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown, upgrade: Upgrade | undefined): void {
    const status = statusOf(error)
    const fields = { method: request.method, url: request.url, error: messageOf(error) }
    if (status === 500) {
      this.#log.error('request failed', error instanceof Error ? { ...fields, stack: error.stack } : fields)
    } else this.#log.debug('request refused', { ...fields, status })
    if (response.headersSent || response.destroyed || isKind(error, 'cancelled')) {
      // Too late for a status: cut the connection, so that the client does not take half an answer for a whole.
      response.destroy()
      upgrade?.socket.destroy()
      return
    }
    if (!request.complete) {
      // The rest of the body is not read.
      response.shouldKeepAlive = false
      response.setHeader('Connection', 'close')
      request.resume()
    }
    if (status === 304) {
      response.writeHead(status)
      response.end()
      return
    }
    const body = Buffer.from(`${JSON.stringify({ message: messageOf(error) })}\n`)
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length })
    if (request.complete || upgrade) return void response.end(request.method === 'HEAD' ? undefined : body)
    // Closing under a client that still sends would break its pipe before it has read why.
    response.write(body)
    const linger = setTimeout(() => response.end(), LINGER)
    request.once('close', () => {
      clearTimeout(linger)
      response.end()
    })
  }
}
