import type { ContainersService } from '#engine/containers/index.ts'
import { invalid, notFound } from '#lib/errors.ts'
import type { EngineEvent } from '#model/event.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ID } from './testing/fake-needs.ts'
import { testServer, type TestServer } from './testing/test-server.ts'

function open(api: TestServer, method: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: api.path, method, path, agent: false }, resolve)
    outgoing.once('error', reject)
    outgoing.end()
  })
}

async function text(stream: Readable): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

test('wait sends its head as soon as it is subscribed and the exit code when there is one', async () => {
  const exit = Promise.withResolvers<{ exitCode: number }>()
  await using api = await testServer({ containers: { wait: async () => ({ result: exit.promise }) } })
  const response = await open(api, 'POST', '/v1.43/containers/web/wait?condition=next-exit')
  assert.equal(response.statusCode, 200)
  exit.resolve({ exitCode: 137 })
  assert.deepEqual(JSON.parse(await text(response)), { StatusCode: 137 })
})

test('wait of an unknown container is 404, of a strange condition 400', async () => {
  await using api = await testServer({
    containers: {
      wait() {
        throw new Error('not reached')
      },
    },
  })
  const answer = await api.call('POST', '/containers/web/wait?condition=whenever')
  assert.equal(answer.status, 400)
  assert.match(answer.text, /invalid condition: \\"whenever\\"/)
})

test('events: the head comes before any event, lines keep nanoseconds, and the stream stops with the client', async () => {
  const stopped = Promise.withResolvers<void>()
  const first = Promise.withResolvers<void>()
  const event: EngineEvent = {
    Type: 'container',
    Action: 'start',
    Actor: { ID, Attributes: { image: 'busybox', name: 'web' } },
    scope: 'local',
    time: 1_767_323_045,
    timeNano: 1_767_323_045_123_456_789n,
  }
  await using api = await testServer({
    events: {
      async *stream(_filters, { signal }) {
        await first.promise
        yield event
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
        stopped.resolve()
      },
    },
  })
  const response = await open(api, 'GET', '/events')
  assert.equal(response.statusCode, 200)
  first.resolve()
  const line = await new Promise<string>(resolve => response.once('data', chunk => resolve(String(chunk))))
  assert.match(line, /"timeNano":1767323045123456789\}/)
  assert.match(
    line,
    /^\{"status":"start","id":"0123456789abcdef[^"]*","from":"busybox","Type":"container","Action":"start"/,
  )
  response.destroy()
  await stopped.promise
})

test('pull: progress as lines; an error before the first is an answer, after it a last line', async () => {
  let early = true
  const asked: unknown[] = []
  await using api = await testServer({
    images: {
      async pull(options, onProgress) {
        asked.push([options.reference, options.allTags, options.auth, options.platform])
        if (!early) onProgress({ status: 'Pulling from library/busybox', id: 'latest' })
        throw new Error('manifest unknown')
      },
    },
  })
  const auth = Buffer.from('{"username":"u","password":"p"}').toString('base64url')
  const refused = await api.call(
    'POST',
    '/images/create?fromImage=busybox&tag=latest&platform=linux/arm64/v8',
    undefined,
    {
      'X-Registry-Auth': auth,
    },
  )
  assert.equal(refused.status, 500)
  assert.deepEqual(asked[0], [
    'busybox:latest',
    false,
    { username: 'u', password: 'p' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ])
  early = false
  const failed = await api.call('POST', '/images/create?fromImage=host:5000/a')
  assert.equal(failed.status, 200)
  const lines = failed.text
    .trim()
    .split('\r\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(lines, [
    { status: 'Pulling from library/busybox', id: 'latest' },
    { errorDetail: { message: 'manifest unknown' }, error: 'manifest unknown' },
  ])
  assert.deepEqual((asked[1] as unknown[]).slice(0, 2), ['host:5000/a', true])
})

test('logs: framed with times, pieces of one line get one time', async () => {
  const lines = [
    { time: '2026-01-02T03:04:05.000000001Z', stream: 'stdout' as const, data: Buffer.from('half ') },
    { time: '2026-01-02T03:04:05.000000002Z', stream: 'stdout' as const, data: Buffer.from('line\n') },
    { time: '2026-01-02T03:04:05.000000003Z', stream: 'stderr' as const, data: Buffer.from('bad\n') },
  ]
  let asked: unknown
  await using api = await testServer({
    containers: {
      async logs(_reference, options) {
        asked = [options.since, options.tail, options.follow]
        return Readable.from(lines)
      },
    },
  })
  const answer = await api.call(
    'GET',
    '/containers/web/logs?stdout=1&stderr=1&timestamps=1&tail=5&since=1136073600.000000001&follow=no',
  )
  assert.equal(answer.headers['content-type'], 'application/vnd.docker.multiplexed-stream')
  assert.deepEqual(asked, [1_136_073_600_000_000_001n, 5, false])
  const bytes = Buffer.from(answer.text)
  assert.equal(bytes.readUInt32BE(4), 31 + 'half '.length)
  assert.match(answer.text, /05\.000000001Z half [^]{8}line\n[^]{8}2026-01-02T03:04:05\.000000003Z bad\n$/)
})

test('stats of a stopped container is the shape with nothing in it', async () => {
  await using api = await testServer({ containers: { async *stats() {} } })
  const answer = await api.call('GET', '/containers/web/stats?stream=false')
  const stats = JSON.parse(answer.text) as { memory_stats: unknown; cpu_stats: { cpu_usage: unknown } }
  assert.deepEqual(stats.memory_stats, {})
  assert.deepEqual(stats.cpu_stats.cpu_usage, { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 })
  assert.equal((await api.call('GET', '/containers/web/stats?one-shot=1')).status, 400)
})

test('an export that the client leaves is destroyed', async () => {
  const destroyed = Promise.withResolvers<void>()
  const tar = new Readable({
    read() {
      this.push(Buffer.alloc(16 * 1024))
    },
    destroy(error, done) {
      destroyed.resolve()
      done(error)
    },
  })
  await using api = await testServer({ containers: { export: async () => tar } })
  const response = await open(api, 'GET', '/containers/web/export')
  response.once('data', () => response.destroy())
  await destroyed.promise
})

test('archive: the stat travels in a header, a refused upload is answered though it is not read', async () => {
  const stat = { kind: 'directory' as const, mode: 0o1777, uid: 0, gid: 0, size: 40, mtimeMs: 0, name: 'tmp' }
  await using api = await testServer({
    containers: {
      archiveStat: async () => stat,
      async archivePut() {
        throw new Error('no space left')
      },
    },
  })
  const head = await api.call('HEAD', '/containers/web/archive?path=/tmp')
  const decoded = JSON.parse(
    Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString(),
  ) as object
  assert.deepEqual(decoded, {
    name: 'tmp',
    size: 40,
    mode: 2 ** 31 + 2 ** 20 + 0o777,
    mtime: '1970-01-01T00:00:00.000Z',
    linkTarget: '',
  })
  const put = await api.call('PUT', '/containers/web/archive?path=/tmp', Buffer.alloc(4 * 1024 * 1024))
  assert.equal(put.status, 500)
  assert.match(put.text, /no space left/)
})

test('closing ends streams at once and lets a request under way finish', async () => {
  const finish = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const api = await testServer({
    containers: {
      wait: (_reference, _condition, signal) =>
        Promise.resolve({
          result: new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          ),
        }),
      async start() {
        started.resolve()
        await finish.promise
      },
    },
  })
  const waiting = await open(api, 'POST', '/containers/web/wait')
  const ended = new Promise(resolve => waiting.once('close', resolve))
  waiting.on('error', () => {}).resume()
  const starting = api.call('POST', '/containers/web/start')
  await started.promise
  const closed = api.server.close(5000)
  await ended
  finish.resolve()
  assert.equal((await starting).status, 204)
  await closed
  await api[Symbol.asyncDispose]()
})

test('an upload that the engine gives up on half way is answered with the reason', async () => {
  await using api = await testServer({
    containers: {
      archivePut: (_reference, _path, tar) =>
        pipeline(tar, async function (source) {
          for await (const _chunk of source) throw invalid('broken tar')
        }),
    },
    images: {
      load: (tar): Promise<never> =>
        pipeline(tar, async function (source) {
          for await (const _chunk of source) throw invalid('broken tar')
        }) as Promise<never>,
    },
  })
  const body = Buffer.alloc(8 * 1024 * 1024)
  for (const [method, path] of [
    ['PUT', '/containers/web/archive?path=/tmp'],
    ['POST', '/images/load'],
  ] as const) {
    const answer = await api.call(method, path, body)
    assert.equal(answer.status, 400)
    assert.deepEqual(JSON.parse(answer.text), { message: 'broken tar' })
  }
})

test('an upload that the client leaves half way fails for the engine', async () => {
  const failed = Promise.withResolvers<unknown>()
  await using api = await testServer({
    containers: {
      async archivePut(_reference, _path, tar) {
        try {
          for await (const _chunk of tar);
          failed.resolve('ended')
        } catch (error) {
          failed.resolve(error)
        }
      },
    },
  })
  const socket = api.dial('PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\nsome')
  setTimeout(() => socket.destroy(), 50)
  assert.match(String(await failed.promise), /the client went away/)
  const half = api.dial(
    'POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
  )
  setTimeout(() => half.destroy(), 50)
  await new Promise(resolve => half.once('close', resolve))
  assert.equal((await api.call('GET', '/_ping')).status, 200)
})

test('a client that goes away after its upload was refused unread is no event', async () => {
  const refusing: Partial<ContainersService> = {
    archivePut: () => Promise.reject(notFound('no such container: x')),
  }
  await using api = await testServer({ containers: refusing })
  for (let i = 0; i < 5; i++) {
    const socket = api.dial(
      'PUT /containers/x/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc',
    )
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 404 /)
    socket.destroy()
    await once(socket, 'close')
  }
  assert.equal((await api.call('GET', '/_ping')).status, 200)
})

test('a client that goes away in the middle of a download is no fault of the daemon', async () => {
  const faults: string[] = []
  const endless = new Readable({ read: size => void endless.push(Buffer.alloc(size)) })
  await using api = await testServer({ containers: { export: () => Promise.resolve(endless) } }, line =>
    faults.push(line),
  )
  const answer = await open(api, 'GET', '/containers/x/export')
  await once(answer, 'data')
  answer.destroy()
  await new Promise(resolve => endless.once('close', resolve))
  await setImmediate()
  assert.deepEqual(faults, [])
})
