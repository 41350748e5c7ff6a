/** Blocking sockets by FFI: about 0.3 us above the system call, so that what is measured is the network. */
import { native } from '#kernel/ffi/libc.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'

const c = {
  listen: native('int listen(int fd, int backlog)'),
  accept4: native('int accept4(int fd, void *address, void *length, int flags)'),
  shutdown: native('int shutdown(int fd, int how)'),
  epollCreate: native('int epoll_create1(int flags)'),
  epollCtl: native('int epoll_ctl(int epfd, int op, int fd, const uint8_t *event)'),
  epollWait: native('int epoll_wait(int epfd, _Out_ uint8_t *events, int max, int timeout)'),
  sendto: native(
    'long sendto(int fd, const uint8_t *buffer, size_t length, int flags, const uint8_t *address, uint size)',
  ),
  recvfrom: native(
    'long recvfrom(int fd, _Out_ uint8_t *buffer, size_t length, int flags, _Out_ uint8_t *address, _Inout_ uint *size)',
  ),
}

const SO_REUSEADDR = 2
const SO_RCVBUF = 8
const SO_LINGER = 13
const SO_RCVTIMEO = 20
const IPPROTO_TCP = 6
const TCP_NODELAY = 1

/** The load's port, and what the first byte of a connection asks for. */
export const PORT = 7000
/** Datagrams here are counted, not answered. */
export const COUNT_PORT = 7001
export const SINK = 1
export const ECHO = 2
/** How many datagrams were counted since the last report: four bytes, little-endian. */
export const REPORT = 3

export function listener(kind: 'tcp' | 'udp', port: number): number {
  const fd = libc.socket(libc.AF_INET, (kind === 'tcp' ? libc.SOCK_STREAM : libc.SOCK_DGRAM) | libc.SOCK_NONBLOCK)
  libc.setsockopt(fd, libc.SOL_SOCKET, SO_REUSEADDR, 1)
  if (kind === 'udp') libc.setsockopt(fd, libc.SOL_SOCKET, SO_RCVBUF, 4 << 20)
  libc.bind(fd, encodeSocketAddress('0.0.0.0', port))
  if (kind === 'tcp') c.listen()(fd, 1024)
  return fd
}

/** A connected socket that gives up waiting after two seconds. @param abort close by RST: no port stays in TIME_WAIT */
export function dial(kind: 'tcp' | 'udp', address: string, port: number, abort = false): number {
  const fd = libc.socket(libc.AF_INET, kind === 'tcp' ? libc.SOCK_STREAM : libc.SOCK_DGRAM)
  libc.setsockopt(fd, libc.SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(BigInt64Array.of(2n, 0n).buffer))
  if (kind === 'tcp') libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1)
  if (abort) libc.setsockopt(fd, libc.SOL_SOCKET, SO_LINGER, new Uint8Array(Int32Array.of(1, 0).buffer))
  libc.connect(fd, encodeSocketAddress(address, port))
  return fd
}

/** @returns the new socket, or -1 when nobody waits */
export function accept(fd: number): number {
  const accepted = c.accept4()(fd, null, null, libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC)
  if (accepted >= 0) libc.setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, 1)
  return accepted
}

/** Nothing more will be sent. */
export const finish = (fd: number): number => c.shutdown()(fd, 1)

/** Sends a datagram back to where it came from. @returns false when none waits */
export function echoDatagram(fd: number, buffer: Uint8Array, address: Uint8Array): boolean {
  const size = [address.length]
  const got = c.recvfrom()(fd, buffer, buffer.length, libc.MSG_DONTWAIT, address, size)
  if (got < 0) return false
  c.sendto()(fd, buffer, got, 0, address, size[0])
  return true
}

/** epoll(7) whose events carry the descriptor. */
export class Poll {
  readonly #fd = c.epollCreate()(0)
  /** The structure is packed on x86-64 only. */
  readonly #stride = process.arch === 'x64' ? 12 : 16
  readonly #events = Buffer.alloc(64 * 16)

  add(fd: number): void {
    const event = Buffer.alloc(16)
    event.writeUInt32LE(1, 0)
    event.writeInt32LE(fd, this.#stride - 8)
    c.epollCtl()(this.#fd, 1, fd, event)
  }

  /** Descriptors that can be read; none after `timeoutMs`. */
  wait(timeoutMs: number): number[] {
    const count = c.epollWait()(this.#fd, this.#events, 64, timeoutMs)
    return Array.from({ length: Math.max(0, count) }, (_, i) =>
      this.#events.readInt32LE(i * this.#stride + this.#stride - 8),
    )
  }
}
