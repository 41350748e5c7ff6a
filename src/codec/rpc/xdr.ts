import { invalid } from '#lib/errors.ts'

/** XDR (RFC 4506), as far as calls of NFS need it. */
export class XdrWriter {
  readonly #parts: Buffer[] = []

  uint(...values: number[]): this {
    for (const value of values) {
      const part = Buffer.alloc(4)
      part.writeUInt32BE(value >>> 0)
      this.#parts.push(part)
    }
    return this
  }

  fixed(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes), Buffer.alloc(padding(bytes.length)))
    return this
  }

  opaque(bytes: Uint8Array): this {
    return this.uint(bytes.length).fixed(bytes)
  }

  string(text: string): this {
    return this.opaque(Buffer.from(text))
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** Every read checks that there is something left. @throws invalid */
export class XdrReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  uint(): number {
    return this.#take(4).readUInt32BE()
  }

  fixed(length: number): Buffer {
    const bytes = this.#take(length)
    this.#take(padding(length))
    return bytes
  }

  opaque(): Buffer {
    return this.fixed(this.uint())
  }

  string(): string {
    return this.opaque().toString()
  }

  skip(length: number): void {
    this.#take(length)
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw invalid('the answer of the server ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

const padding = (length: number) => (4 - (length % 4)) % 4
