import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AddressInfo, Server, Socket } from 'node:net'

/** User `anna`, password `geheim`, bcrypt with the lowest cost. */
export const CREDENTIALS = { username: 'anna', password: 'geheim' }
const HTPASSWD = 'anna:$2y$05$abcdefghijklmnopqrstuuVWu8RjbNovPZWAMRdd7iqaaG0mI53Uu\n'

async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

export async function freePort(): Promise<number> {
  const server = createTcpServer()
  const port = await listen(server)
  await new Promise(resolve => server.close(resolve))
  return port
}

/** Debian's docker-registry on a loopback port with its data in a directory of its own. */
export async function startRegistry(options: { basicAuth?: boolean } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'berth-registry-'))
  const port = await freePort()
  const htpasswd = join(directory, 'htpasswd')
  await writeFile(htpasswd, HTPASSWD)
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
    ...(options.basicAuth ? { auth: { htpasswd: { realm: 'test', path: htpasswd } } } : {}),
  }
  const file = join(directory, 'config.json')
  await writeFile(file, JSON.stringify(config))
  const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' })
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (attempt > 200 || child.exitCode !== null) throw new Error('docker-registry does not start')
    await delay(25)
  }
  return {
    host: `127.0.0.1:${port}`,
    port,
    async stop() {
      const ended = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, '127.0.0.1')
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

/**
 * An HTTP proxy in front of a registry that cuts blob downloads after `cutAfter` bytes as often as `cuts` says, and
 * remembers what was asked for.
 */
export async function startCutter(port: number, cutAfter: number, cuts: number) {
  const asked: { method: string; url: string; range: string | undefined; sent: number }[] = []
  const sockets = new Set<Socket>()
  let left = cuts
  const server = createServer((incoming, outgoing) => {
    const entry = { method: incoming.method!, url: incoming.url!, range: incoming.headers.range, sent: 0 }
    asked.push(entry)
    const { method, url: path, headers } = incoming
    const upstream = request({ port, host: '127.0.0.1', method: method!, path: path!, headers }, answer => {
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.on('data', (chunk: Buffer) => {
        const cut = method === 'GET' && path!.includes('/blobs/') && left > 0 && entry.sent + chunk.length > cutAfter
        const part = cut ? chunk.subarray(0, Math.max(0, cutAfter - entry.sent)) : chunk
        entry.sent += part.length
        if (!cut) return void outgoing.write(part)
        left--
        answer.destroy()
        outgoing.write(part, () => setTimeout(() => outgoing.socket?.destroy(), 20))
      })
      answer.on('end', () => outgoing.end())
      answer.on('error', () => {})
    })
    upstream.on('error', () => outgoing.destroy())
    incoming.pipe(upstream)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const own = await listen(server)
  return {
    host: `127.0.0.1:${own}`,
    asked,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
