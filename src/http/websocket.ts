import { OPCODE, websocketFrame, WebsocketParser } from '#codec/websocket.ts'
import { invalid } from '#lib/errors.ts'
import { createHash } from 'node:crypto'
import { PassThrough, Writable } from 'node:stream'
import type { Context, Upgrade } from './context.ts'
import { takeSocket, type Connection } from './hijack.ts'

/** Appended to the client's key (RFC 6455, section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export interface WebsocketRequest {
  upgrade: Upgrade
  key: string
}

/** @throws invalid when the request is no WebSocket handshake */
export function demandWebsocket({ request, upgrade }: Context): WebsocketRequest {
  const key = request.headers['sec-websocket-key']
  if (!upgrade || request.headers.upgrade?.toLowerCase() !== 'websocket' || !key) {
    throw invalid('attaching by websocket needs the headers Upgrade: websocket and Sec-WebSocket-Key')
  }
  return { upgrade, key }
}

/**
 * Takes the connection over as a WebSocket (RFC 6455): what comes in frames is `input`, what is written goes out as
 * binary frames.
 */
export function acceptWebsocket(context: Context, { upgrade, key }: WebsocketRequest): Connection {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  const raw = takeSocket(context, upgrade, `Upgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`)
  const input = new PassThrough()
  const parser = new WebsocketParser()
  raw.input.on('data', (bytes: Buffer) => {
    try {
      parser.push(bytes, (opcode, data) => {
        if (opcode === OPCODE.close) input.end()
        else if (opcode === OPCODE.ping) raw.output.write(websocketFrame(OPCODE.pong, data))
        else if (opcode < OPCODE.close && !input.writableEnded && !input.write(data)) raw.input.pause()
      })
    } catch {
      input.end()
      raw.finish()
    }
  })
  raw.input.once('end', () => input.end())
  input.on('drain', () => raw.input.resume())
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      raw.output.write(websocketFrame(OPCODE.binary, chunk), () => done())
    },
  })
  return {
    input,
    output,
    signal: raw.signal,
    finish() {
      output.end(() => {
        raw.output.write(websocketFrame(OPCODE.close, Buffer.from([0x03, 0xe8])))
        raw.finish()
      })
    },
  }
}
