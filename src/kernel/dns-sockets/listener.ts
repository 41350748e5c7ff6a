import dgram from 'node:dgram'
import net from 'node:net'
import type { Answered, DnsHandler } from '#ports/resolver.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'
import { MessageReader, framed } from './framing.ts'
import { type UdpBatch, sendTo } from './udp-batch.ts'

const TCP_IDLE_MS = 10_000
const TCP_CONNECTIONS = 64

export interface DnsListener {
  close(): void
}

/**
 * Serves UDP and TCP on two sockets that are bound already (the TCP one need not listen yet); takes them over, also when
 * it fails.
 */
export async function serve(
  sockets: { udp: number; tcp: number },
  sandbox: string,
  handler: DnsHandler,
  batch: UdpBatch,
): Promise<DnsListener> {
  let udp: DnsListener | undefined
  let tcp: DnsListener
  try {
    udp = await serveUdp(sockets.udp, sandbox, handler, batch)
    tcp = await serveTcp(sockets.tcp, sandbox, handler)
  } catch (error) {
    if (udp) udp.close()
    else libc.close(sockets.udp)
    libc.close(sockets.tcp)
    throw error
  }
  return {
    close() {
      udp.close()
      tcp.close()
    },
  }
}

async function serveUdp(fd: number, sandbox: string, handler: DnsHandler, batch: UdpBatch): Promise<DnsListener> {
  const socket = dgram.createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ fd, exclusive: true }, () => {
      socket.removeListener('error', reject)
      resolve()
    })
  })
  let open = true
  const answer = (query: Buffer, from: () => Buffer): Buffer | undefined => {
    const answered = safely(handler, query, { sandbox, transport: 'udp' })
    if (!(answered instanceof Promise)) return answered
    const address = from()
    answered.then(
      late => {
        if (late && open) sendTo(fd, late, address)
      },
      () => {},
    )
    return undefined
  }
  // An answer that cannot be delivered is the asker's to ask for again.
  socket.on('error', () => {})
  // Node's socket tells that there is something and hands out the first; the others are taken together.
  socket.on('message', (query, from) => {
    const address = () => encodeSocketAddress(from.address, from.port)
    const ready = answer(query, address)
    if (ready) sendTo(fd, ready, address())
    if (open) batch.drain(fd, answer)
  })
  socket.unref()
  return {
    close() {
      open = false
      socket.close()
    },
  }
}

async function serveTcp(fd: number, sandbox: string, handler: DnsHandler): Promise<DnsListener> {
  const connections = new Set<net.Socket>()
  const server = net.createServer(connection => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    connection.on('error', () => connection.destroy())
    connection.setTimeout(TCP_IDLE_MS, () => connection.destroy())
    answerStream(connection, async query => handler(query, { sandbox, transport: 'tcp' }))
  })
  server.maxConnections = TCP_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  server.on('error', () => {})
  server.unref()
  return {
    close() {
      server.close()
      for (const connection of connections) connection.destroy()
    },
  }
}

/** A question that the handler breaks on stays without an answer; it may come from anybody. */
function safely(handler: DnsHandler, query: Buffer, from: Parameters<DnsHandler>[1]): Answered {
  try {
    return handler(query, from)
  } catch {
    return undefined
  }
}

/** RFC 7766: several questions may come down one connection, and may be answered in any order. */
function answerStream(connection: net.Socket, answerTo: (query: Buffer) => Promise<Buffer | undefined>): void {
  const reader = new MessageReader()
  connection.on('data', chunk => {
    for (const query of reader.push(chunk)) {
      answerTo(query).then(
        answer => {
          if (answer && connection.writable) connection.write(framed(answer))
        },
        () => connection.destroy(),
      )
    }
  })
}
