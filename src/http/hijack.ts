import type { Readable, Writable } from 'node:stream'
import type { Context } from './context.ts'

/** A request's connection as two byte streams, after the head of the answer has gone out. */
export interface Connection {
  input: Readable
  output: Writable
  /** Aborts when the client has gone for good; its half close is only the end of `input`. */
  signal: AbortSignal
  /** Sends what is queued, then closes; input that still comes is thrown away. */
  finish(): void
}

/** Milliseconds that a client has to close its side after we closed ours. */
const LINGER = 10_000

/**
 * Takes the connection over: `101 UPGRADED` when the client asked for `Upgrade: tcp`, else `200` with the raw
 * stream as body, in which case stdin is the request's body (API: `POST /containers/{id}/attach`, hijacking).
 */
export function hijack(context: Context, options: { tty: boolean }): Connection {
  const multiplexed = !options.tty && context.version >= 42
  const type = `application/vnd.docker.${multiplexed ? 'multiplexed' : 'raw'}-stream`
  return context.upgrade ? takeSocket(context, type) : takeBody(context, type)
}

function takeSocket(context: Context, type: string): Connection {
  const { socket, head } = context.upgrade!
  // Nothing that the response object wrote may follow.
  context.response.detachSocket(socket as Parameters<typeof context.response.detachSocket>[0])
  const gone = new AbortController()
  socket.on('error', () => gone.abort())
  socket.once('close', () => gone.abort())
  if (head.length > 0) socket.unshift(head)
  const headers = Object.entries(context.response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\n${headers.join('')}Content-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  )
  return {
    input: socket,
    output: socket,
    signal: gone.signal,
    finish() {
      // Destroying at once while unread input is queued would reset the connection and lose output on its way.
      const timer = setTimeout(() => socket.destroy(), LINGER)
      timer.unref()
      socket.once('close', () => clearTimeout(timer))
      socket.end()
      socket.resume()
    },
  }
}

function takeBody(context: Context, type: string): Connection {
  const { request, response } = context
  response.useChunkedEncodingByDefault = false
  response.shouldKeepAlive = false
  response.setHeader('Connection', 'close')
  response.writeHead(200, { 'Content-Type': type })
  response.flushHeaders()
  return {
    input: request,
    output: response,
    signal: context.signal,
    finish() {
      request.resume()
      response.end()
    },
  }
}
