import { closeSync, constants, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { notFound } from '#lib/errors.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { AF_UNIX, close, connect, fcntl, SOCK_NONBLOCK, SOCK_SEQPACKET, socket } from '#kernel/ffi/libc.ts'
import type { Attachment } from '#ports/runtime.ts'
import { isAlive } from '#kernel/processes/proc.ts'
import { PID_FILE, processOf, readPid } from './state.ts'
import { wrapReader, wrapWriter } from './pipe-handle.ts'

type Message = { stream: 'stdout' | 'stderr'; data: Buffer }

const STDERR = 3
const F_DUPFD_CLOEXEC = 1030
/** Messages held here before the monitor is made to wait; each is at most 8 KiB. */
const HIGH_WATER = 64
/** A byte that names the stream and conmon's buffer of 8 KiB. */
const MAX_MESSAGE = 16 * 1024
/** conmon reads a message of stdin into a buffer of 32 KiB and loses what does not fit. */
const MAX_STDIN = 16 * 1024
/** Milliseconds between looks at whether the process of a slow client still lives. */
const STALL_CHECK = 100

/**
 * Connects to a monitor's attach socket. Each message from it is one byte that names the stream and up to 8 KiB; its
 * writes block while we do not read, so nothing is lost, and the process then blocks in turn.
 *
 * @param directory where the socket `attach` is
 * @param park the connection is kept (and drained) when the client closes: the monitor takes the end of any connection
 *   for the end of stdin
 * @throws not-found when the monitor has gone
 */
export async function attachTo(
  directory: string,
  park: boolean,
  onEnd: () => void = () => {},
): Promise<SocketAttachment> {
  const fd = await connectTo(directory)
  return new SocketAttachment(fd, park, () => hasEnded(directory), onEnd)
}

async function connectTo(directory: string): Promise<number> {
  let parent: number
  try {
    parent = openSync(directory, constants.O_DIRECTORY | constants.O_RDONLY)
  } catch (error) {
    throw notFound(`no process to attach to at ${directory}`, { cause: error })
  }
  const fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK)
  try {
    const address = addressOf(directory, parent)
    for (let attempt = 0; ; attempt++) {
      try {
        connect(fd, address)
        return fd
      } catch (error) {
        // Its queue of 10 connections is full: it is busy writing to a slow client.
        if (!hasErrno(error, 'EAGAIN') || attempt === 1000) throw error
        await setTimeout(attempt < 10 ? 1 : 10)
      }
    }
  } catch (error) {
    close(fd)
    if (hasErrno(error, 'ENOENT', 'ECONNREFUSED'))
      throw notFound(`no process to attach to at ${directory}`, { cause: error })
    throw error
  } finally {
    closeSync(parent)
  }
}

/** sockaddr_un holds 107 bytes; longer paths go through the descriptor of the directory. */
function addressOf(directory: string, parent: number): Uint8Array {
  const full = Buffer.from(join(directory, 'attach'))
  const path = full.length <= 107 ? full : Buffer.from(`/proc/self/fd/${parent}/attach`)
  const address = Buffer.alloc(2 + path.length + 1)
  address.writeUInt16LE(AF_UNIX, 0)
  path.copy(address, 2)
  return address
}

export class SocketAttachment implements Attachment {
  readonly output: AsyncIterable<Message>
  readonly stdin: Writable
  readonly #park: boolean
  readonly #isDead: () => boolean
  readonly #onEnd: () => void
  readonly #queue: Message[] = []
  readonly #buffer = new Uint8Array(MAX_MESSAGE)
  readonly #writer: Socket
  #reader: Socket
  #spare: number | undefined
  #stalled: NodeJS.Timeout | undefined
  #ended = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(fd: number, park: boolean, isDead: () => boolean, onEnd: () => void) {
    this.#park = park
    this.#isDead = isDead
    this.#onEnd = onEnd
    this.#spare = duplicate(fd)
    // Apart from the reader: a write that fails because the process has gone must not destroy what is still unread.
    this.#writer = wrapWriter(duplicate(fd))
    this.#writer.on('error', () => {})
    this.#reader = this.#read(fd)
    this.output = this.#messages()
    this.stdin = stdinOf(this.#writer)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue.length = 0
    if (this.#park && !this.#ended) this.#reader.resume()
    else this.#end()
    this.#wake?.()
  }

  /** Closes the connection, parked or not. */
  destroy(): void {
    this.#closed = true
    this.#end()
  }

  #read(fd: number): Socket {
    const reader = wrapReader(fd, this.#buffer, message => this.#push(message))
    reader.on('end', () => this.#end())
    reader.on('error', () => {
      // ECONNRESET: the monitor ended without having read all of stdin. The kernel says so once, before it hands out
      // what the monitor had written: read on.
      const spare = this.#spare
      this.#spare = undefined
      if (spare === undefined || this.#ended) this.#end()
      else this.#reader = this.#read(spare)
    })
    return reader
  }

  #push(message: Uint8Array): boolean {
    if (this.#closed || message.length < 2) return true
    this.#queue.push({ stream: message[0] === STDERR ? 'stderr' : 'stdout', data: Buffer.from(message.subarray(1)) })
    this.#wake?.()
    if (this.#queue.length < HIGH_WATER) return true
    this.#stalled ??= setInterval(() => this.#relieve(), STALL_CHECK).unref()
    return false
  }

  /**
   * A monitor that waits for a slow client notices nothing else, not even that its process has ended. Then there is
   * little left to come: take it in, so that the exit is known.
   */
  #relieve(): void {
    if (this.#queue.length < HIGH_WATER) {
      clearInterval(this.#stalled)
      this.#stalled = undefined
    } else if (this.#isDead()) this.#reader.resume()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#stalled)
    this.#reader.destroy()
    this.#writer.destroy()
    if (this.#spare !== undefined) close(this.#spare)
    this.#spare = undefined
    this.#onEnd()
    this.#wake?.()
  }

  async *#messages(): AsyncGenerator<Message> {
    for (;;) {
      const message = this.#queue.shift()
      if (message) {
        if (this.#queue.length === HIGH_WATER / 2) this.#reader.resume()
        yield message
      } else if (this.#ended || this.#closed) return
      else await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }
}

function hasEnded(directory: string): boolean {
  const pid = readPid(join(directory, PID_FILE))
  const target = pid === undefined ? undefined : processOf(pid)
  return !target || !isAlive(target.pid, target.startTime)
}

function duplicate(fd: number): number {
  return fcntl(fd, F_DUPFD_CLOEXEC)
}

/** One message at a time: libuv would join queued ones to a message that is longer than the monitor's buffer. */
function stdinOf(connection: Socket): Writable {
  const send = (chunk: Buffer, done: (error?: Error | null) => void): void => {
    if (connection.destroyed) return done()
    const rest = chunk.length > MAX_STDIN ? chunk.subarray(MAX_STDIN) : undefined
    connection.write(rest ? chunk.subarray(0, MAX_STDIN) : chunk, error => {
      // The process has gone: what it did not read is of no interest, as with a pipe whose reader left.
      if (error || !rest) done()
      else send(rest, done)
    })
  }
  return new Writable({
    highWaterMark: 4 * MAX_STDIN,
    write: (chunk: Buffer, _encoding, done) => send(chunk, done),
    final(done) {
      connection.end()
      done()
    },
  })
}
