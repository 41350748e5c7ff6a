import { Socket } from 'node:net'
import { unavailable } from '#lib/errors.ts'
import type { Conversation } from '#ports/file-servers.ts'

/** Nothing that is asked here is answered with more. */
const LONGEST = 1 << 20
/** Of RPC: this is the last fragment. SMB has a zero there. */
const LAST_FRAGMENT = 0x8000_0000

/** One TCP connection. */
export class TcpConversation implements Conversation {
  readonly #socket: Socket
  readonly #what: string
  #received = Buffer.alloc(0)
  #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void } | undefined
  #ended: Error | undefined

  private constructor(socket: Socket, what: string) {
    this.#socket = socket
    this.#what = what
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#deliver()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? 'EIO'))
    socket.on('close', () => this.#fail('ECONNRESET'))
  }

  static open(
    address: string,
    port: number,
    { deadline, localPort }: { deadline: number; localPort?: number },
  ): Promise<TcpConversation> {
    const what = `${address.includes(':') ? `[${address}]` : address}:${port}`
    return new Promise((resolve, reject) => {
      const socket = new Socket()
      const refuse = (errno: string) => {
        clearTimeout(timer)
        socket.destroy()
        reject(unavailable(`no connection to ${what}: ${errno}`, { details: { errno } }))
      }
      const timer = setTimeout(() => refuse('ETIMEDOUT'), deadline)
      socket.once('error', (error: NodeJS.ErrnoException) => refuse(error.code ?? 'EIO'))
      socket.connect({ port, host: address, ...(localPort !== undefined && { localPort }) }, () => {
        socket.removeAllListeners('error')
        const conversation = new TcpConversation(socket, what)
        clearTimeout(timer)
        // From now on, the same deadline is that of the answers.
        const rest = setTimeout(() => conversation.#fail('ETIMEDOUT'), deadline)
        socket.once('close', () => clearTimeout(rest))
        resolve(conversation)
      })
    })
  }

  ask(frame: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      this.#waiting = { resolve, reject }
      this.#socket.write(frame)
      this.#deliver()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #deliver(): void {
    if (!this.#waiting || this.#received.length < 4) return
    const head = this.#received.readUInt32BE(0)
    const length = (head & ~LAST_FRAGMENT) >>> 0
    if (length > LONGEST) return this.#fail('EMSGSIZE')
    if (this.#received.length < 4 + length) return
    const frame = this.#received.subarray(4, 4 + length)
    this.#received = this.#received.subarray(4 + length)
    const { resolve } = this.#waiting
    this.#waiting = undefined
    resolve(frame)
  }

  #fail(errno: string): void {
    this.#ended ??= unavailable(`${this.#what} does not answer: ${errno}`, { details: { errno } })
    this.#socket.destroy()
    this.#waiting?.reject(this.#ended)
    this.#waiting = undefined
  }
}
