import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface FakeDaemon {
  host: string
  directory: string
  /** `METHOD /path` without version and query, in order of arrival. */
  seen: string[]
  /** Runs `berth` against it. */
  berth(args: string[], options?: { input?: Buffer | string; env?: Record<string, string> }): Promise<Result>
}

export interface Result {
  code: number | null
  stdout: string
  stderr: string
}

export type Route = (request: IncomingMessage, response: ServerResponse, body: string) => void
export type Upgrade = (socket: Duplex, head: Buffer, request: IncomingMessage) => void

/** A scripted daemon: routes by `METHOD /path`; what is not scripted is a 404. */
export async function fakeDaemon(
  t: TestContext,
  routes: Record<string, Route>,
  upgrades: Record<string, Upgrade> = {},
): Promise<FakeDaemon> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-fake-'))
  const socketPath = join(directory, 'd.sock')
  const seen: string[] = []
  const keyOf = (request: IncomingMessage) =>
    `${request.method} ${request.url!.replace(/^\/v[\d.]+/, '').split('?')[0]}`
  const server = createServer((request, response) => {
    const key = keyOf(request)
    seen.push(key)
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk as Buffer))
    request.on('end', () => {
      const route = routes[key]
      if (route) return route(request, response, Buffer.concat(chunks).toString())
      response.writeHead(404)
      response.end(JSON.stringify({ message: `no such thing: ${key}` }))
    })
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const key = keyOf(request)
    seen.push(key)
    upgrades[key]?.(socket, head, request)
  })
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const host = `unix://${socketPath}`
  return { host, directory, seen, berth: (args, options) => runBerth(args, { host, directory, ...options }) }
}

export function runBerth(
  args: string[],
  options: { host: string; directory: string; input?: Buffer | string; env?: Record<string, string> },
): Promise<Result> {
  const main = new URL('../main.ts', import.meta.url).pathname
  const env = { ...process.env, BERTH_HOST: options.host, DOCKER_CONFIG: options.directory, ...options.env }
  const child = spawn(
    process.execPath,
    ['--no-concurrent-recompilation', '--disable-warning=ExperimentalWarning', '--', main, ...args],
    { env },
  )
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += String(chunk)))
  child.stderr.on('data', chunk => (stderr += String(chunk)))
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  return new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr })))
}

export const UPGRADED =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'

export function frame(stream: 1 | 2, data: Buffer | string): Buffer {
  const payload = Buffer.from(data as string)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}
