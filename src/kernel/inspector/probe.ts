import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '#lib/errors.ts'
import type { ProbeResult } from '#ports/inspector.ts'
import { errnoName, hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'

interface Options {
  timeoutMs: number
  sandbox?: string
}

const getsockopt = libc.native(
  'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint *length)',
)
const getpeername = libc.native('int getpeername(int fd, _Out_ uint8_t *address, _Inout_ uint *length)')

const SO_ERROR = 4
const IPPROTO_IP = 0
const IP_MTU_DISCOVER = 10
const IPPROTO_IPV6 = 41
const IPV6_MTU_DISCOVER = 23
const IPPROTO_ICMP = 1
const IPPROTO_ICMPV6 = 58
/** Don't fragment, whatever the kernel has learnt of the path (ip(7)). */
const PMTUDISC_PROBE = 3
/** Milliseconds between looks at a socket: nothing wakes us for a descriptor that libuv does not have. */
const LOOK = 3

const OUTCOMES: Record<string, ProbeResult['outcome']> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timed-out',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
}

/** Connects from inside the namespace and closes at once. */
export async function connectProbe(
  namespaces: NetworkNamespaces,
  address: string,
  port: number,
  { timeoutMs, sandbox }: Options,
): Promise<ProbeResult> {
  const family = address.includes(':') ? libc.AF_INET6 : libc.AF_INET
  const target = encodeSocketAddress(address, port)
  const fd = namespaces.enter(sandbox, () => libc.socket(family, libc.SOCK_STREAM | libc.SOCK_NONBLOCK))
  try {
    // A socket stays in the namespace that it was made in.
    libc.connect(fd, target)
  } catch (error) {
    if (!hasErrno(error, 'EINPROGRESS')) {
      libc.close(fd)
      return failed(error instanceof BerthError ? String(error.details.errno ?? '') : '')
    }
  }
  try {
    for (let waited = 0; waited <= timeoutMs; waited += LOOK) {
      const errno = errorOf(fd)
      if (errno !== 0) return failed(errnoName(errno))
      if (isConnected(fd)) return { outcome: 'connected', errno: '' }
      await sleep(LOOK)
    }
    return failed('ETIMEDOUT')
  } finally {
    libc.close(fd)
  }
}

/** One ICMP echo of `bytes` (the whole IP packet) that must not be cut into fragments. */
export async function echoProbe(
  namespaces: NetworkNamespaces,
  address: string,
  { bytes, timeoutMs, sandbox }: Options & { bytes: number },
): Promise<boolean> {
  const v6 = address.includes(':')
  const id = randomInt(0x1_0000)
  const fd = namespaces.enter(sandbox, () =>
    libc.socket(
      v6 ? libc.AF_INET6 : libc.AF_INET,
      libc.SOCK_RAW | libc.SOCK_NONBLOCK,
      v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
    ),
  )
  try {
    libc.setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, PMTUDISC_PROBE)
    libc.connect(fd, encodeSocketAddress(address, 0))
    libc.send(fd, echoRequest(v6, id, bytes - (v6 ? 40 : 20)))
    const buffer = Buffer.alloc(0x1_0000)
    for (let waited = 0; waited <= timeoutMs; waited += LOOK) {
      if (answered(fd, buffer, v6, id)) return true
      await sleep(LOOK)
    }
    return false
  } catch (error) {
    // Too big for the interface, or no way at all: it did not arrive.
    if (
      hasErrno(
        error,
        'EMSGSIZE',
        'ENETUNREACH',
        'EHOSTUNREACH',
        'ECONNREFUSED',
        'EPERM',
        'ENETDOWN',
        'EINVAL',
        'EACCES',
        'EADDRNOTAVAIL',
        'ENOBUFS',
      )
    )
      return false
    throw error
  } finally {
    // Closing a raw socket waits for a grace period.
    void libc.closeAsync(fd)
  }
}

/** Reads what is there: everybody's ICMP of this namespace. */
function answered(fd: number, buffer: Buffer, v6: boolean, id: number): boolean {
  try {
    for (;;) {
      const length = libc.recv(fd, buffer, libc.MSG_DONTWAIT)
      const start = v6 ? 0 : (buffer[0]! & 15) * 4
      const message = buffer.subarray(start, length)
      if (message.length >= 8 && message[0] === (v6 ? 129 : 0) && message.readUInt16BE(4) === id) return true
    }
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return false
    throw error
  }
}

/** The kernel fills in the checksum of ICMPv6 only. */
function echoRequest(v6: boolean, id: number, length: number): Buffer {
  const message = Buffer.alloc(Math.max(8, length))
  message[0] = v6 ? 128 : 8
  message.writeUInt16BE(id, 4)
  message.writeUInt16BE(1, 6)
  if (v6) return message
  const sum = message.readUInt16BE(0) + id + 1
  message.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 2)
  return message
}

function errorOf(fd: number): number {
  const value = Buffer.alloc(4)
  getsockopt()(fd, libc.SOL_SOCKET, SO_ERROR, value, [4])
  return value.readInt32LE(0)
}

function isConnected(fd: number): boolean {
  return getpeername()(fd, Buffer.alloc(128), [128]) === 0
}

const failed = (errno: string): ProbeResult => ({ outcome: OUTCOMES[errno] ?? 'failed', errno })
