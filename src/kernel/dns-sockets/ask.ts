import dgram from 'node:dgram'
import net from 'node:net'
import { BerthError, unavailable } from '#lib/errors.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { MessageReader, framed } from './framing.ts'

const DNS_PORT = 53

export interface AskOptions {
  timeoutMs: number
  tcp?: boolean
  sandbox?: string
}

/**
 * One question to one server, over a socket of its own (so each has a random source port), connected (so that only the
 * server's answer is taken, and a refusal ends it at once). The answer's id is the caller's to check.
 *
 * @param server address, with a port if not 53: `192.0.2.1`, `192.0.2.1:5353`, `[fd00::1]:5353`
 * @throws unavailable when there is no answer in time, or the server refuses
 */
export async function ask(
  namespaces: NetworkNamespaces,
  server: string,
  query: Buffer,
  { timeoutMs, tcp = false, sandbox }: AskOptions,
): Promise<Buffer> {
  const target = parseServer(server)
  let fd: number
  try {
    fd = namespaces.enter(sandbox, () => connectedSocket(target, tcp))
  } catch (error) {
    throw failure(server, error)
  }
  return new Promise<Buffer>((resolve, reject) => {
    const exchange = tcp ? overTcp(fd, query) : overUdp(fd, query)
    const timer = setTimeout(() => {
      exchange.stop()
      reject(unavailable(`dns server ${server} did not answer in ${timeoutMs} ms`, { details: { timeout: true } }))
    }, timeoutMs)
    exchange.answer
      .then(resolve, (error: unknown) => reject(failure(server, error)))
      .finally(() => {
        clearTimeout(timer)
        exchange.stop()
      })
  })
}

interface Exchange {
  answer: Promise<Buffer>
  /** Closes the socket; may be called again. */
  stop(): void
}

function overUdp(fd: number, query: Buffer): Exchange {
  const socket = dgram.createSocket('udp4') // for IPv6 too: the descriptor decides
  let open = true
  const answer = new Promise<Buffer>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('message', resolve)
    socket.bind({ fd, exclusive: true }, () => {
      if (!open) return
      try {
        // The descriptor is connected, which Node need not know: send(2) without an address.
        libc.send(fd, query, libc.MSG_DONTWAIT)
      } catch (error) {
        reject(error)
      }
    })
  })
  const stop = () => {
    if (open) socket.close()
    open = false
  }
  return { answer, stop }
}

function overTcp(fd: number, query: Buffer): Exchange {
  const socket = new net.Socket({ fd, readable: true, writable: true })
  const answer = new Promise<Buffer>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(unavailable('the server closed the connection')))
    const reader = new MessageReader()
    socket.on('data', chunk => {
      const [message] = reader.push(chunk)
      if (message) resolve(message)
    })
    socket.write(framed(query))
  })
  return { answer, stop: () => socket.destroy() }
}

function connectedSocket(target: { address: string; port: number }, tcp: boolean): number {
  const sockaddr = encodeSocketAddress(target.address, target.port)
  const type = (tcp ? libc.SOCK_STREAM : libc.SOCK_DGRAM) | libc.SOCK_NONBLOCK
  const fd = libc.socket(target.address.includes(':') ? libc.AF_INET6 : libc.AF_INET, type)
  try {
    libc.connect(fd, sockaddr)
  } catch (error) {
    if (hasErrno(error, 'EINPROGRESS')) return fd
    libc.close(fd)
    throw error
  }
  return fd
}

function parseServer(server: string): { address: string; port: number } {
  const match = /^\[(.+)\]:(\d+)$/.exec(server) ?? /^([\d.]+):(\d+)$/.exec(server)
  return match ? { address: match[1] ?? '', port: Number(match[2]) } : { address: server, port: DNS_PORT }
}

function failure(server: string, error: unknown): unknown {
  if (error instanceof BerthError && error.kind === 'invalid') return error
  const errno = error instanceof BerthError ? error.details.errno : undefined
  return unavailable(`dns server ${server} cannot be asked`, { cause: error, details: { errno } })
}
