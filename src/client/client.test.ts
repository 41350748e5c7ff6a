import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Readable, Writable } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { BerthError } from '#lib/errors.ts'
import { EngineClient } from './index.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** A scripted daemon on a socket of its own. */
async function daemon(
  t: test.TestContext,
  handler: Handler,
  onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<{ client: EngineClient; host: string; seen: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-client-'))
  const host = `unix://${directory}/d.sock`
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk as Buffer))
    request.on('end', () => handler(request, response, Buffer.concat(chunks).toString()))
  })
  if (onUpgrade) {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      seen.push(`${request.method} ${request.url}`)
      onUpgrade(request, socket, head)
    })
  }
  await new Promise<void>(resolve => server.listen(host.slice('unix://'.length), resolve))
  const client = new EngineClient(host)
  t.after(() => {
    client.close()
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { client, host, seen }
}

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

function collector(): { sink: Writable; text: () => string } {
  const chunks: Buffer[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      // Slower than the source: demux has to wait.
      setImmediate(done)
    },
  })
  return { sink, text: () => Buffer.concat(chunks).toString() }
}

test('speaks the newest version at once, without asking first', async t => {
  const { client, seen } = await daemon(t, (_request, response) => response.end('[]'))
  assert.deepEqual(await client.containers.list({ all: true, filters: { label: ['a=b'] } }), [])
  assert.deepEqual(seen, ['GET /v1.51/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D'])
})

test('steps down to what an older daemon names, and stays there', async t => {
  const { client, seen } = await daemon(t, (request, response) => {
    if (request.url!.startsWith('/v1.51/')) {
      response.writeHead(400)
      response.end('{"message":"client version 1.51 is too new. Maximum supported API version is 1.41"}')
    } else response.end('[]')
  })
  await client.containers.list()
  await client.containers.list()
  assert.deepEqual(seen, ['GET /v1.51/containers/json', 'GET /v1.41/containers/json', 'GET /v1.41/containers/json'])
  assert.equal(client.transport.version, '1.41')
})

test('a stream is sent once only: the version is settled before', async t => {
  const { client, seen } = await daemon(t, (request, response, body) => {
    response.setHeader('Api-Version', '1.44')
    response.end(request.url === '/_ping' ? 'OK' : `{"stream":"${body.length} bytes\\n"}\n`)
  })
  const lines = []
  for await (const line of await client.images.load(Readable.from([Buffer.alloc(70_000)]))) lines.push(line)
  assert.deepEqual(lines, [{ stream: '70000 bytes\n' }])
  assert.deepEqual(seen, ['GET /_ping', 'POST /v1.44/images/load'])
})

test("a refusal keeps the daemon's words and gets a kind by its status", async t => {
  const { client } = await daemon(t, (request, response) => {
    const status = Number(/\/(\d+)\/json/.exec(request.url!)![1])
    response.writeHead(status)
    response.end(status === 502 ? 'bad gateway' : '{"message":"no, because"}')
  })
  const refused = async (status: number) =>
    client.containers.inspect(String(status)).then(
      () => assert.fail('should have been refused'),
      (error: unknown) => error as BerthError,
    )
  const kinds = {
    400: 'invalid',
    403: 'forbidden',
    404: 'not-found',
    409: 'conflict',
    500: 'system',
    503: 'unavailable',
  }
  for (const [status, kind] of Object.entries(kinds)) {
    const error = await refused(Number(status))
    assert.ok(error instanceof BerthError)
    assert.equal(error.message, 'no, because')
    assert.equal(error.kind, kind)
    assert.equal(error.details['status'], Number(status))
  }
  assert.equal((await refused(502)).message, 'bad gateway')
})

test('nothing listens: says where, and asks the one who can start a daemon once', async () => {
  let asked = 0
  const client = new EngineClient('unix:///nonexistent/berth.sock', {
    onUnreachable: async () => {
      asked++
      return false
    },
  })
  const attempt = () => client.containers.list()
  await assert.rejects(attempt, {
    kind: 'unavailable',
    message: /cannot connect to the daemon at unix:\/\/\/nonexistent/,
  })
  await assert.rejects(attempt)
  assert.equal(asked, 1)
})

test('attach: half-close ends stdin only; output is split and back-pressured', async t => {
  let received = ''
  const { client, seen } = await daemon(
    t,
    (_request, response) => response.end(),
    (_request, socket) => {
      socket.write(
        'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
      )
      // A header split over two packets, and output before stdin has ended.
      const first = frame(1, 'hello ')
      socket.write(first.subarray(0, 3))
      socket.on('data', chunk => (received += String(chunk)))
      socket.on('end', async () => {
        await new Promise(resolve => setTimeout(resolve, 10))
        socket.write(first.subarray(3))
        socket.write(Buffer.concat([frame(2, 'oops'), frame(1, received.toUpperCase())]))
        socket.end()
      })
    },
  )
  const session = await client.containers.attach('abc', { stdin: true, stdout: true, stderr: true })
  assert.equal(session.multiplexed, true)
  const out = collector()
  const err = collector()
  session.socket.end('some input')
  await session.demux({ stdout: out.sink, stderr: err.sink })
  assert.equal(out.text(), 'hello SOME INPUT')
  assert.equal(err.text(), 'oops')
  assert.deepEqual(seen, ['POST /v1.51/containers/abc/attach?stream=1&stdin=1&stdout=1&stderr=1'])
})

test('attach that is refused is an error, not a stream', async t => {
  const { client } = await daemon(
    t,
    () => {},
    (_request, socket) => {
      const body = '{"message":"container x is paused"}'
      socket.end(`HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    },
  )
  await assert.rejects(client.containers.attach('x'), { kind: 'conflict', message: 'container x is paused' })
})

test('wait resolves twice: when the daemon watches, and at the exit', async t => {
  let finish = () => {}
  const { client } = await daemon(t, (_request, response) => {
    response.flushHeaders()
    finish = () => response.end('{"StatusCode":42}\n')
  })
  const { exit } = await client.containers.wait('c', 'next-exit')
  let done = false
  void exit.then(() => (done = true))
  await new Promise(resolve => setTimeout(resolve, 20))
  assert.equal(done, false)
  finish()
  assert.deepEqual(await exit, { StatusCode: 42 })
})

test('events arrive one by one and stop at the signal', async t => {
  const { client } = await daemon(t, (_request, response) => {
    response.write('{"Action":"create"}\n{"Act')
    setTimeout(() => response.write('ion":"start"}\n'), 10)
  })
  const abort = new AbortController()
  const events = await client.events.stream({ signal: abort.signal })
  assert.equal((await events.next()).value.Action, 'create')
  assert.equal((await events.next()).value.Action, 'start')
  abort.abort()
  await assert.rejects(events.next())
})

test('pull: name and tag are apart, credentials in the header, a failure in the stream is thrown by finish', async t => {
  let auth = ''
  const { client, seen } = await daemon(t, (request, response) => {
    auth = String(request.headers['x-registry-auth'])
    response.end('{"status":"Pulling"}\n{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n')
  })
  const { finish } = await import('./index.ts')
  const lines = await client.images.pull('localhost:5000/a/b:c', { auth: { username: 'u', password: 'p' } })
  const shown: unknown[] = []
  await assert.rejects(
    finish(lines, line => shown.push(line.status)),
    { message: 'manifest unknown' },
  )
  assert.deepEqual(shown, ['Pulling'])
  assert.deepEqual(JSON.parse(Buffer.from(auth, 'base64url').toString()), { username: 'u', password: 'p' })
  assert.deepEqual(seen, ['POST /v1.51/images/create?fromImage=localhost%3A5000%2Fa%2Fb&tag=c'])
})
