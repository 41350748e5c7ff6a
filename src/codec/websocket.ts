/** WebSocket frames (RFC 6455, section 5), as a server sends and receives them. No extensions. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const FINAL = 0x80
const MASKED = 0x80
const LENGTH_16 = 126
const LENGTH_64 = 127
const KEY = 4

/** One unmasked, unfragmented frame. */
export function websocketFrame(opcode: number, payload: Buffer): Buffer {
  const extra = payload.length < LENGTH_16 ? 0 : payload.length < 65_536 ? 2 : 8
  const framed = Buffer.allocUnsafe(2 + extra + payload.length)
  framed[0] = FINAL | opcode
  if (extra === 0) framed[1] = payload.length
  else if (extra === 2) {
    framed[1] = LENGTH_16
    framed.writeUInt16BE(payload.length, 2)
  } else {
    framed[1] = LENGTH_64
    framed.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  payload.copy(framed, 2 + extra)
  return framed
}

/** Takes a client's frames apart, however the bytes were cut. Data is handed on as it comes; control frames whole. */
export class WebsocketParser {
  #pending: Buffer = Buffer.alloc(0)
  #frame: { opcode: number; left: number; key: Buffer; at: number; control: Buffer[] } | undefined

  /** @throws Error on a frame without a mask, which no client may send, or an oversized control frame */
  push(bytes: Buffer, onData: (opcode: number, data: Buffer) => void): void {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    for (;;) {
      if (!this.#frame) {
        const size = headerSize(rest)
        if (rest.length < size) break
        this.#frame = openFrame(rest)
        rest = rest.subarray(size)
      }
      const frame = this.#frame
      const data = Buffer.from(rest.subarray(0, frame.left))
      rest = rest.subarray(data.length)
      for (let i = 0; i < data.length; i++) data[i]! ^= frame.key[(frame.at + i) % KEY]!
      frame.at += data.length
      frame.left -= data.length
      const control = frame.opcode >= OPCODE.close
      if (control) frame.control.push(data)
      else if (data.length > 0) onData(frame.opcode, data)
      if (frame.left > 0) break
      this.#frame = undefined
      if (control) onData(frame.opcode, Buffer.concat(frame.control))
    }
    this.#pending = rest
  }
}

/** Bytes of the frame's head, as far as can be told from what is there. */
function headerSize(bytes: Buffer): number {
  if (bytes.length < 2) return 2
  const length = bytes[1]! & 0x7f
  return 2 + (length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0) + KEY
}

function openFrame(bytes: Buffer) {
  const opcode = bytes[0]! & 0x0f
  if (!(bytes[1]! & MASKED)) throw new Error('websocket frame of a client without a mask')
  const short = bytes[1]! & 0x7f
  if (opcode >= OPCODE.close && short >= LENGTH_16) throw new Error('websocket control frame is over 125 bytes long')
  const extra = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0
  const left = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  return { opcode, left, key: Buffer.from(bytes.subarray(2 + extra, 2 + extra + KEY)), at: 0, control: [] as Buffer[] }
}
