import dgram from 'node:dgram'
import net from 'node:net'
import type { DnsHandler } from '#ports/resolver.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { MessageReader, framed } from './framing.ts'

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
): Promise<DnsListener> {
  let udp: DnsListener | undefined
  let tcp: DnsListener
  try {
    udp = await serveUdp(sockets.udp, sandbox, handler)
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

async function serveUdp(fd: number, sandbox: string, handler: DnsHandler): Promise<DnsListener> {
  // Answers go to numeric addresses: nothing to look up.
  const socket = dgram.createSocket({ type: 'udp4', lookup: (host, _, done) => done(null, host, 4) })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ fd, exclusive: true }, () => {
      socket.removeListener('error', reject)
      resolve()
    })
  })
  let open = true
  // An answer that cannot be delivered is the asker's to ask for again.
  socket.on('error', () => {})
  socket.on('message', (query, from) => {
    handler(query, { sandbox, transport: 'udp' }).then(
      answer => {
        if (answer && open) socket.send(answer, from.port, from.address, () => {})
      },
      () => {},
    )
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
    answerStream(connection, query => handler(query, { sandbox, transport: 'tcp' }))
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
