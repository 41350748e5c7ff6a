import type { Readable, Writable } from 'node:stream'
import type { Context, Upgrade } from './context.ts'

/** A request's connection as two byte streams, after the head of the answer has gone out. */
export interface Connection {
  input: Readable
  output: Writable
  /** Aborts when the client has gone for good; its half close is only the end of `input`. */
  signal: AbortSignal
  /** Sends what is queued, then closes; input that still comes is thrown away. */
  finish(): void
}

/** Milliseconds that a client has to close its side after all output has gone out. */
const LINGER = 10_000

/**
 * Takes the connection over: `101 UPGRADED` when the client asked for `Upgrade: tcp`, else `200` with the raw
 * stream as body, in which case stdin is the request's body (API: `POST /containers/{id}/attach`, hijacking).
 */
export function hijack(context: Context, options: { tty: boolean }): Connection {
  const multiplexed = !options.tty && context.version >= 42
  const type = `application/vnd.docker.${multiplexed ? 'multiplexed' : 'raw'}-stream`
  const { upgrade } = context
  return upgrade ? takeSocket(context, upgrade, `Content-Type: ${type}\r\nUpgrade: tcp\r\n`) : takeBody(context, type)
}

/** Answers 101 with the given header lines and hands the socket out. */
export function takeSocket(context: Context, { socket, head }: Upgrade, lines: string): Connection {
  const { response } = context
  // Nothing that the response object wrote may follow.
  response.detachSocket(socket as Parameters<typeof response.detachSocket>[0])
  const gone = new AbortController()
  socket.on('error', () => gone.abort())
  socket.once('close', () => gone.abort())
  if (head.length > 0) socket.unshift(head)
  const common = Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  socket.write(`HTTP/1.1 101 UPGRADED\r\n${common.join('')}Connection: Upgrade\r\n${lines}\r\n`)
  return {
    input: socket,
    output: socket,
    signal: gone.signal,
    finish() {
      // Destroying at once while unread input is queued would reset the connection and lose output on its way.
      socket.end(() => {
        const timer = setTimeout(() => socket.destroy(), LINGER)
        timer.unref()
        socket.once('close', () => clearTimeout(timer))
      })
      socket.unpipe()
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
      request.unpipe()
      request.resume()
      response.end()
    },
  }
}
