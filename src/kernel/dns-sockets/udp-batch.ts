import { MSG_DONTWAIT, native } from '#kernel/ffi/libc.ts'

/** Messages of one system call. A wakeup of Node's takes up to 32 of these, so this bounds how long one holds the thread. */
const MESSAGES = 32
/** Bytes of one message; questions and answers beyond it go by TCP, or one by one. */
const SLOT = 4096
/** `struct sockaddr_in`. */
const ADDRESS = 16
/** `struct mmsghdr` and `struct iovec`, 64 bit. */
const HEADER = 64
const IOVEC = 16

const c = {
  recvmmsg: native('int recvmmsg(int fd, _Inout_ uint8_t *messages, uint count, int flags, const uint8_t *timeout)'),
  sendmmsg: native('int sendmmsg(int fd, _Inout_ uint8_t *messages, uint count, int flags)'),
  sendto: native(
    'long sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint addressLength)',
  ),
  /** Returns its first argument: the address of a buffer. */
  memmove: native('uint64 memmove(_Inout_ uint8_t *to, const uint8_t *from, size_t length)'),
}

/** @returns the answer, or undefined when it comes later or not at all; `from` is a `struct sockaddr_in` to keep */
export type Answer = (query: Buffer, from: () => Buffer) => Buffer | undefined

/**
 * Many datagrams a system call. Node's own sockets cost some 20 us a message, most of it a 64 KiB buffer and two rounds
 * through the event loop. One object serves all sockets of a thread: nothing of a batch is left when a call returns.
 */
export class UdpBatch {
  readonly #in = new Slots()
  readonly #out = new Slots()

  /** Answers what waits on the socket, at most one batch of it. */
  drain(fd: number, answer: Answer): void {
    const { headers, bytes, addresses } = this.#in
    for (let i = 0; i < MESSAGES; i++) headers.writeUInt32LE(ADDRESS, i * HEADER + 8)
    const received = c.recvmmsg()(fd, headers, MESSAGES, MSG_DONTWAIT, null)
    let filled = 0
    for (let i = 0; i < received; i++) {
      const start = i * SLOT
      // A copy: an answer from upstream comes when the slot holds another question.
      const query = Buffer.from(bytes.subarray(start, start + headers.readUInt32LE(i * HEADER + 56)))
      const from = addresses.subarray(i * ADDRESS, (i + 1) * ADDRESS)
      const ready = answer(query, () => Buffer.from(from))
      if (!ready) continue
      if (ready.length > SLOT) sendTo(fd, ready, from)
      else this.#out.fill(filled++, ready, from)
    }
    this.#flush(fd, filled)
  }

  #flush(fd: number, filled: number): void {
    for (let sent = 0; sent < filled;) {
      const done = c.sendmmsg()(fd, this.#out.headers.subarray(sent * HEADER), filled - sent, MSG_DONTWAIT)
      // What cannot be delivered is the asker's to ask for again, and no reason to keep the others waiting.
      sent += Math.max(done, 1)
    }
  }
}

/** Without waiting; a failure is the asker's to notice. @param address a `struct sockaddr` */
export function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): void {
  c.sendto()(fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length)
}

class Slots {
  readonly headers = Buffer.alloc(MESSAGES * HEADER)
  readonly bytes = Buffer.alloc(MESSAGES * SLOT)
  readonly addresses = Buffer.alloc(MESSAGES * ADDRESS)
  /** The kernel follows pointers into it. */
  readonly #iovecs = Buffer.alloc(MESSAGES * IOVEC)

  constructor() {
    const [bytes, addresses, iovecs] = [this.bytes, this.addresses, this.#iovecs].map(addressOf) as [
      bigint,
      bigint,
      bigint,
    ]
    for (let i = 0; i < MESSAGES; i++) {
      this.headers.writeBigUInt64LE(addresses + BigInt(i * ADDRESS), i * HEADER)
      this.headers.writeUInt32LE(ADDRESS, i * HEADER + 8)
      this.headers.writeBigUInt64LE(iovecs + BigInt(i * IOVEC), i * HEADER + 16)
      this.headers.writeBigUInt64LE(1n, i * HEADER + 24)
      this.#iovecs.writeBigUInt64LE(bytes + BigInt(i * SLOT), i * IOVEC)
      this.#iovecs.writeBigUInt64LE(BigInt(SLOT), i * IOVEC + 8)
    }
  }

  fill(index: number, bytes: Buffer, address: Buffer): void {
    bytes.copy(this.bytes, index * SLOT)
    address.copy(this.addresses, index * ADDRESS)
    this.#iovecs.writeUInt32LE(bytes.length, index * IOVEC + 8)
  }
}

function addressOf(buffer: Buffer): bigint {
  return BigInt(c.memmove()(buffer, buffer, 0))
}
