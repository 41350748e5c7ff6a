const MAX_MESSAGE = 65_535

/** A message with the length that goes before it on TCP (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const out = Buffer.alloc(Math.min(message.length, MAX_MESSAGE) + 2)
  out.writeUInt16BE(out.length - 2, 0)
  message.copy(out, 2)
  return out
}

/** Takes a TCP stream apart. */
export class MessageReader {
  #received: Buffer = Buffer.alloc(0)

  /** @returns the messages that are whole by now */
  push(chunk: Buffer | string): Buffer[] {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    const messages: Buffer[] = []
    for (;;) {
      const received = this.#received
      const end = received.length < 2 ? Number.POSITIVE_INFINITY : received.readUInt16BE(0) + 2
      if (received.length < end) return messages
      messages.push(received.subarray(2, end))
      this.#received = received.subarray(end)
    }
  }
}
