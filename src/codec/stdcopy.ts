/** The framing of attach, exec and logs without a terminal (API: `POST /containers/{id}/attach`, stream format). */
export type StdStream = 'stdin' | 'stdout' | 'stderr'

const NUMBER: Readonly<Record<StdStream, number>> = { stdin: 0, stdout: 1, stderr: 2 }
const STREAMS: readonly (StdStream | 'systemerr')[] = ['stdin', 'stdout', 'stderr', 'systemerr']
const HEADER = 8

/** Header (stream, three zeros, big-endian length) and payload in one buffer. */
export function frame(stream: StdStream, data: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(HEADER + data.length)
  framed.writeUInt32BE(NUMBER[stream] << 24, 0)
  framed.writeUInt32BE(data.length, 4)
  data.copy(framed, HEADER)
  return framed
}

export interface StdPiece {
  /** `systemerr`: an error of the daemon's own. */
  stream: StdStream | 'systemerr'
  data: Buffer
}

/** Undoes the framing of a stream that comes in chunks cut anywhere. Payloads are handed on as they come, not gathered. */
export class StdDecoder {
  #header: Buffer = Buffer.alloc(0)
  #stream: StdStream | 'systemerr' = 'stdout'
  #remaining = 0

  /** @throws Error when the bytes are no such stream */
  push(chunk: Buffer): StdPiece[] {
    const pieces: StdPiece[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#remaining === 0) {
        const part = chunk.subarray(at, at + HEADER - this.#header.length)
        at += part.length
        this.#header = this.#header.length === 0 ? part : Buffer.concat([this.#header, part])
        if (this.#header.length < HEADER) break
        this.#open()
        continue
      }
      const data = chunk.subarray(at, at + this.#remaining)
      at += data.length
      this.#remaining -= data.length
      pieces.push({ stream: this.#stream, data })
    }
    return pieces
  }

  /** Whether the stream may end here. */
  get complete(): boolean {
    return this.#header.length === 0 && this.#remaining === 0
  }

  #open(): void {
    const stream = STREAMS[this.#header[0]!]
    if (stream === undefined || this.#header.readUIntBE(1, 3) !== 0) {
      throw new Error(`not a multiplexed stream: it has a frame that begins with ${this.#header.toString('hex')}`)
    }
    this.#stream = stream
    this.#remaining = this.#header.readUInt32BE(4)
    this.#header = Buffer.alloc(0)
  }
}
