/**
 * One process that serves in the network namespaces of many containers, until its parent is gone.
 *
 *   node bench/load/server.ts PID [PID…]
 *
 * Prints `ready` when it listens everywhere.
 */
import * as libc from '#kernel/ffi/libc.ts'
import { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { accept, COUNT_PORT, ECHO, echoDatagram, listener, Poll, PORT, REPORT } from './sockets.ts'

type Kind = 'listen' | 'udp' | 'count' | 'new' | 'sink' | 'echo'

const poll = new Poll()
const kinds = new Map<number, Kind>()
const buffer = Buffer.alloc(1 << 18)
const address = Buffer.alloc(16)
let counted = 0

function watch(fd: number, kind: Kind): void {
  kinds.set(fd, kind)
  poll.add(fd)
}

function forget(fd: number): void {
  kinds.delete(fd)
  libc.close(fd)
}

/** @returns bytes, 0 at the end, -1 when there is nothing now */
function receive(fd: number, into: Buffer): number {
  try {
    return libc.recv(fd, into, libc.MSG_DONTWAIT)
  } catch (error) {
    const errno = (error as { details?: { errno?: string } }).details?.errno
    return errno === 'EAGAIN' ? -1 : 0
  }
}

const handlers: Record<Kind, (fd: number) => void> = {
  listen(fd) {
    for (let one = accept(fd); one >= 0; one = accept(fd)) watch(one, 'new')
  },
  udp(fd) {
    while (echoDatagram(fd, buffer, address));
  },
  count(fd) {
    while (receive(fd, buffer) > 0) counted++
  },
  new(fd) {
    const got = receive(fd, buffer.subarray(0, 1))
    if (got < 0) return
    if (got === 0) forget(fd)
    else if (buffer[0] === REPORT) {
      buffer.writeUInt32LE(counted, 0)
      counted = 0
      libc.send(fd, buffer.subarray(0, 4))
      forget(fd)
    } else kinds.set(fd, buffer[0] === ECHO ? 'echo' : 'sink')
  },
  sink(fd) {
    if (receive(fd, buffer) === 0) forget(fd)
  },
  echo(fd) {
    const got = receive(fd, buffer)
    if (got === 0) forget(fd)
    else if (got > 0) libc.send(fd, buffer.subarray(0, got))
  },
}

const namespaces = new NetworkNamespaces()
for (const pid of process.argv.slice(2)) {
  namespaces.enter(`/proc/${pid}/ns/net`, () => {
    watch(listener('tcp', PORT), 'listen')
    watch(listener('udp', PORT), 'udp')
    watch(listener('udp', COUNT_PORT), 'count')
  })
}
const parent = process.ppid
process.stdout.write('ready\n')
while (process.ppid === parent) {
  for (const fd of poll.wait(200)) handlers[kinds.get(fd) ?? 'udp'](fd)
}
