import { logger } from '#lib/log.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiRoutes } from '../routes/index.ts'
import { ApiServer } from '../server.ts'
import { fakeNeeds, type FakeParts } from './fake-needs.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface TestServer extends AsyncDisposable {
  readonly path: string
  readonly server: ApiServer
  /** A body that is not a string or buffer is sent as JSON. */
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** A raw connection, with `head` written. */
  dial(head: string | Buffer): Socket
}

/**
 * The API over a socket in a temporary directory, on fakes.
 * @param onFault gets the log's lines of errors
 */
export async function testServer(
  parts: FakeParts = {},
  onFault: (line: string) => void = () => {},
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-http-'))
  const path = join(directory, 'api.sock')
  const server = new ApiServer({
    routes: apiRoutes(fakeNeeds(parts)),
    log: logger('error', onFault),
    serverName: 'Berth/test',
  })
  await server.listen([`unix://${path}`])
  return {
    path,
    server,
    call: (method, url, body, headers) => call(path, method, url, body, headers),
    dial(head) {
      const socket = connect({ path, allowHalfOpen: true })
      socket.write(head)
      return socket
    },
    async [Symbol.asyncDispose]() {
      await server.close(0)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export function call(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const raw = typeof body === 'string' || Buffer.isBuffer(body)
  const payload = body === undefined ? undefined : raw ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      method,
      path,
      agent: false,
      headers: {
        ...(payload !== undefined &&
          !('Transfer-Encoding' in headers) && { 'Content-Length': Buffer.byteLength(payload) }),
        ...(payload !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
    })
    outgoing.once('error', reject)
    outgoing.once('response', response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    outgoing.end(payload)
  })
}
