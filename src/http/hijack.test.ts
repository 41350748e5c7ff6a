import { FakeAttachment } from '#ports/testing/fake-attachment.ts'
import { frame } from '#codec/stdcopy.ts'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough, type Readable } from 'node:stream'
import { test } from 'node:test'
import type { Attachment } from './session.ts'
import { containerRecord, execRecord, ID } from './testing/fake-needs.ts'
import { testServer } from './testing/test-server.ts'

const UPGRADE = 'Host: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n'

/** An attachment that the test plays the process of. */
function process_() {
  const seen = { stdin: '', ended: false, closed: false }
  const attachment = new FakeAttachment({
    onData: data => void (seen.stdin += data.toString()),
    onEnd: () => void (seen.ended = true),
    onClose: () => void (seen.closed = true),
  })
  return { attachment, seen }
}

function record(change: { tty?: boolean; stdinOnce?: boolean } = {}) {
  const base = containerRecord()
  const config = { ...base.config, Tty: change.tty ?? false, OpenStdin: true, StdinOnce: change.stdinOnce ?? true }
  return { ...base, config }
}

async function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  let got = Buffer.alloc(0)
  for (;;) {
    const end = got.indexOf('\r\n\r\n')
    if (end >= 0) return { head: got.subarray(0, end).toString(), rest: got.subarray(end + 4) }
    const chunk = (socket.read() as Buffer | null) ?? undefined
    if (chunk) got = Buffer.concat([got, chunk])
    else await once(socket, 'readable')
  }
}

async function readAll(socket: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise(resolve => setImmediate(resolve))
}

test('attach upgrades, frames both streams, and closes after the last output', async () => {
  const { attachment, seen } = process_()
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const socket = api.dial(
    `POST /v1.51/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n${UPGRADE}Content-Length: 0\r\n\r\nfirst `,
  )
  const { head, rest } = await readHead(socket)
  assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/)
  assert.match(head, /Content-Type: application\/vnd\.docker\.multiplexed-stream/)
  assert.match(head, /\r\nConnection: Upgrade\r\n/)
  assert.match(head, /\r\nUpgrade: tcp/)
  socket.write('second')
  await until(() => seen.stdin === 'first second')
  socket.end()
  await until(() => seen.ended)
  // Half closed: output still flows.
  attachment.push('stdout', Buffer.from('out'))
  attachment.push('stderr', Buffer.from('err'))
  attachment.finish()
  const output = Buffer.concat([rest, await readAll(socket)])
  assert.deepEqual(output, Buffer.concat([frame('stdout', Buffer.from('out')), frame('stderr', Buffer.from('err'))]))
  await until(() => seen.closed)
})

test('only the streams that were asked for are sent', async () => {
  const { attachment } = process_()
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const socket = api.dial(`POST /containers/web/attach?stream=1&stderr=1 HTTP/1.1\r\n${UPGRADE}\r\n`)
  const { rest } = await readHead(socket)
  attachment.push('stdout', Buffer.from('out'))
  attachment.push('stderr', Buffer.from('err'))
  attachment.finish()
  assert.deepEqual(Buffer.concat([rest, await readAll(socket)]), frame('stderr', Buffer.from('err')))
})

test('an error before the stream is an ordinary answer, also to a client that asked for an upgrade', async () => {
  await using api = await testServer()
  const socket = api.dial(`POST /containers/nope/attach?stream=1 HTTP/1.1\r\n${UPGRADE}\r\n`)
  const text = (await readAll(socket)).toString()
  assert.match(text, /^HTTP\/1\.1 404 Not Found\r\n/)
  assert.match(text, /\{"message":"no such container: nope"\}/)
})

test('without an upgrade the body of a 200 is the raw stream', async () => {
  const { attachment } = process_()
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const socket = api.dial('POST /v1.41/containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n')
  const { head, rest } = await readHead(socket)
  assert.match(head, /^HTTP\/1\.1 200 OK/)
  assert.match(head, /application\/vnd\.docker\.raw-stream/)
  assert.doesNotMatch(head, /chunked/i)
  attachment.push('stdout', Buffer.from('out'))
  attachment.finish()
  assert.deepEqual(Buffer.concat([rest, await readAll(socket)]), frame('stdout', Buffer.from('out')))
})

test('a terminal is raw, and the detach keys end the session without ending the process', async () => {
  const { attachment, seen } = process_()
  const events: string[] = []
  await using api = await testServer({
    containers: { get: () => record({ tty: true }), attach: async () => attachment },
    events: { publish: event => void events.push(event.Action) },
  })
  const socket = api.dial(
    `POST /containers/web/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,x HTTP/1.1\r\n${UPGRADE}\r\n`,
  )
  const { head, rest } = await readHead(socket)
  assert.match(head, /raw-stream/)
  attachment.push('stdout', Buffer.from('$ '))
  socket.write('ls\x01y')
  socket.write('\x01')
  socket.write('xlost')
  assert.equal(Buffer.concat([rest, await readAll(socket)]).toString(), '$ ')
  assert.equal(seen.stdin, 'ls\x01y')
  assert.equal(seen.ended, false)
  assert.equal(seen.closed, true)
  assert.deepEqual(events, ['detach'])
})

test('bad detach keys are 400 before anything is attached', async () => {
  await using api = await testServer()
  const answer = await api.call('POST', '/containers/web/attach?stream=1&detachKeys=ctrl-1')
  assert.equal(answer.status, 400)
  assert.match(answer.text, /Invalid detach keys/)
})

test('a client that hangs up is detached', async () => {
  const { attachment, seen } = process_()
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const socket = api.dial(`POST /containers/web/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${UPGRADE}\r\n`)
  await readHead(socket)
  socket.destroy()
  await until(() => {
    attachment.push('stdout', Buffer.alloc(1000))
    return seen.closed
  })
})

test('exec start: the body is read apart from stdin that follows it at once', async () => {
  const { attachment, seen } = process_()
  await using api = await testServer({ containers: { execStart: async () => attachment } })
  const body = '{"Detach":false,"Tty":false}'
  const socket = api.dial(
    `POST /v1.43/exec/${execRecord().id}/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}stdin`,
  )
  const { head, rest } = await readHead(socket)
  assert.match(head, /^HTTP\/1\.1 101 UPGRADED/)
  await until(() => seen.stdin === 'stdin')
  attachment.push('stdout', Buffer.from('x'))
  attachment.finish()
  assert.deepEqual(Buffer.concat([rest, await readAll(socket)]), frame('stdout', Buffer.from('x')))
})

test('exec start: the body may come in a packet of its own', async () => {
  const { attachment, seen } = process_()
  await using api = await testServer({ containers: { execStart: async () => attachment } })
  const socket = api.dial(
    `POST /exec/${execRecord().id}/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n`,
  )
  setImmediate(() => socket.write('{}late stdin'))
  const { head } = await readHead(socket)
  assert.match(head, /^HTTP\/1\.1 101/)
  await until(() => seen.stdin === 'late stdin')
  attachment.finish()
  await readAll(socket)
})

test('exec of a command that cannot run says so in the stream', async () => {
  await using api = await testServer({
    containers: {
      async execStart() {
        throw new Error('exec: "nope": executable file not found in $PATH')
      },
    },
  })
  const socket = api.dial(
    `POST /exec/${execRecord().id}/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  )
  const { rest } = await readHead(socket)
  const text = Buffer.concat([rest, await readAll(socket)])
    .subarray(8)
    .toString()
  assert.match(text, /executable file not found in \$PATH\r\n$/)
})

test('100 MB go through both ways whole', { timeout: 60_000 }, async () => {
  const size = 100 * 1024 * 1024
  // A process that is `cat`, with the back-pressure of a pipe.
  const pipe = new PassThrough({ highWaterMark: 64 * 1024 })
  const attachment: Attachment = {
    output: (async function* () {
      for await (const data of pipe) yield { stream: 'stdout' as const, data: data as Buffer }
    })(),
    stdin: pipe,
    close() {},
  }
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const socket = api.dial(`POST /containers/${ID}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${UPGRADE}\r\n`)
  const { rest } = await readHead(socket)
  assert.equal(rest.length, 0)
  const sent = createHash('sha256')
  const chunk = Buffer.alloc(256 * 1024)
  const feed = (async () => {
    for (let at = 0; at < size; at += chunk.length) {
      chunk.writeUInt32BE(at, 0)
      sent.update(chunk)
      if (!socket.write(Buffer.from(chunk))) await once(socket, 'drain')
    }
    socket.end()
  })()
  const got = createHash('sha256')
  let total = 0
  let header = Buffer.alloc(0)
  let left = 0
  for await (const piece of socket) {
    let data = piece as Buffer
    while (data.length > 0) {
      if (left > 0) {
        const part = data.subarray(0, left)
        got.update(part)
        total += part.length
        left -= part.length
        data = data.subarray(part.length)
        continue
      }
      const need = 8 - header.length
      header = Buffer.concat([header, data.subarray(0, need)])
      data = data.subarray(need)
      if (header.length < 8) continue
      left = header.readUInt32BE(4)
      header = Buffer.alloc(0)
    }
  }
  await feed
  assert.equal(total, size)
  assert.equal(got.digest('hex'), sent.digest('hex'))
})

test('a client that does not read stops the process, and a process that does not read stops the client', async () => {
  let pulled = 0
  const chunk = Buffer.alloc(64 * 1024)
  const stdin = new PassThrough({ highWaterMark: 64 * 1024 })
  const attachment: Attachment = {
    output: (async function* () {
      for (;;) {
        pulled += chunk.length
        yield { stream: 'stdout' as const, data: chunk }
      }
    })(),
    stdin,
    close() {},
  }
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const socket = api.dial(`POST /containers/${ID}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${UPGRADE}\r\n`)
  await readHead(socket)
  socket.pause()
  let sent = 0
  while (sent < 16 * 1024 * 1024) {
    sent += chunk.length
    if (socket.write(chunk)) continue
    const drained = await Promise.race([
      once(socket, 'drain').then(() => true),
      new Promise<false>(resolve => setTimeout(() => resolve(false), 200)),
    ])
    if (!drained) break
  }
  assert.ok(sent < 4 * 1024 * 1024, `the server took ${sent} bytes that nobody reads`)
  assert.ok(pulled < 4 * 1024 * 1024, `the server holds ${pulled} bytes that nobody reads`)
  socket.destroy()
})

test('attach by websocket: frames both ways, output as it is', async () => {
  const { attachment, seen } = process_()
  await using api = await testServer({ containers: { get: () => record(), attach: async () => attachment } })
  const request = '/containers/web/attach/ws?stream=1&stdin=1&stdout=1&stderr=1'
  assert.equal((await api.call('GET', request)).status, 400)
  const socket = api.dial(
    `GET ${request} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  const { head, rest } = await readHead(socket)
  // The example of RFC 6455, section 1.3.
  assert.match(head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/)
  const word = Buffer.from('hi').map((byte, i) => byte ^ [1, 2, 3, 4][i]!)
  socket.write(Buffer.from([0x81, 0x82, 1, 2, 3, 4, ...word]))
  await until(() => seen.stdin === 'hi')
  attachment.push('stdout', Buffer.from('out'))
  attachment.push('stderr', Buffer.from('err'))
  attachment.finish()
  const output = Buffer.concat([rest, await readAll(socket)])
  assert.deepEqual([...output], [0x82, 3, ...Buffer.from('out'), 0x82, 3, ...Buffer.from('err'), 0x88, 2, 0x03, 0xe8])
})

test('output that a slow client has not read yet is not cut off', { timeout: 30_000 }, async () => {
  const { attachment } = process_()
  await using api = await testServer({
    containers: { get: () => record({ tty: true }), attach: async () => attachment },
  })
  const socket = api.dial(`POST /containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\n${UPGRADE}\r\n`)
  const { rest } = await readHead(socket)
  const size = 4 * 1024 * 1024
  for (let at = 0; at < size; at += 1024 * 1024) attachment.push('stdout', Buffer.alloc(1024 * 1024))
  attachment.finish()
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal(rest.length + (await readAll(socket)).length, size)
})
