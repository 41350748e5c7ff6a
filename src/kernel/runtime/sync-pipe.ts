import { Socket } from 'node:net'

/** What the monitor says on its pipes: a pid, an exit code, or a negative number with the runtime's words. */
export interface SyncMessage {
  data: number
  message?: string
}

/** Reads conmon's messages, one JSON object a line. */
export class SyncPipe {
  readonly #socket: Socket
  readonly #queue: SyncMessage[] = []
  #text = ''
  #ended = false
  #wake: (() => void) | undefined

  /** @param fd read end of a pipe, which is closed with this reader */
  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.setEncoding('utf8')
    this.#socket.on('data', (text: string) => this.#feed(text))
    this.#socket.on('error', () => this.#end())
    this.#socket.on('close', () => this.#end())
  }

  /** @returns undefined at the end of the pipe */
  async next(): Promise<SyncMessage | undefined> {
    while (this.#queue.length === 0 && !this.#ended) await new Promise<void>(resolve => (this.#wake = resolve))
    return this.#queue.shift()
  }

  close(): void {
    this.#socket.destroy()
  }

  #feed(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop()!
    for (const line of lines) this.#queue.push(parse(line))
    this.#wake?.()
  }

  #end(): void {
    this.#ended = true
    if (this.#text.trim() !== '') this.#queue.push(parse(this.#text))
    this.#text = ''
    this.#wake?.()
  }
}

function parse(line: string): SyncMessage {
  try {
    const value = JSON.parse(line) as { data?: unknown; message?: unknown }
    if (typeof value.data !== 'number') return { data: -1, message: line }
    return { data: value.data, message: typeof value.message === 'string' ? value.message : undefined }
  } catch {
    return { data: -1, message: line }
  }
}
