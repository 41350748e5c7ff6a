import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { call } from '#http/testing/test-server.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers } from '../support/leftovers.ts'
import { dial, speak } from '../support/raw.ts'
import { faultsIn, stateOf, usageOf } from '../support/state.ts'
import { until } from '../support/tools.ts'
import { archive, member } from './bad-input-table.ts'

const daemon = new TestDaemon()
const { containers } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

async function make(name: string, command: string[], more: Record<string, unknown> = {}): Promise<string> {
  const HostConfig = { StopTimeout: 0 }
  const { Id } = await containers.create({ Image: 'busybox', Cmd: command, HostConfig, ...more } as never, { name })
  daemon.seen.add(Id)
  return Id
}

async function post(path: string, body?: unknown): Promise<{ status: number; text: string }> {
  return call(daemon.socket, 'POST', path, body)
}

async function newExec(name: string, command: string[], part: Record<string, unknown> = {}): Promise<string> {
  const request = { Cmd: command, AttachStdin: true, AttachStdout: true, AttachStderr: true, ...part }
  const { text } = await post(`/containers/${name}/exec`, request)
  return (JSON.parse(text) as { Id: string }).Id
}

const head = (method: string, path: string, more = '') => `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n'
const withBody = (method: string, path: string, body: string, more = '') =>
  head(method, path, `${more}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`) + body

test('bytes that are no HTTP, and heads that no client sends: an answer or a closed connection', async () => {
  const bad = 400
  const cases: [string, string | Buffer, number][] = [
    ['garbage', 'hello daemon\r\n\r\n', bad],
    ['zeros', Buffer.alloc(1000), bad],
    ['a TLS hello', Buffer.from('160301020001000100', 'hex'), bad],
    ['an unknown method', head('BREW', '/info'), bad],
    ['HTTP/3', 'GET /info HTTP/3.0\r\nHost: x\r\n\r\n', bad],
    ['no host', 'GET /info HTTP/1.1\r\n\r\n', bad],
    ['a space in a header name', head('GET', '/info', 'Bad Name: x\r\n'), bad],
    ['a NUL in a header', head('GET', '/info', 'X: a\0b\r\n'), bad],
    ['2 MB of headers', head('GET', '/info', `X: ${'x'.repeat(2 << 20)}\r\n`), 431],
    ['400 headers', head('GET', '/_ping', 'X-A: 1\r\n'.repeat(400)), 200],
    ['20,000 headers', head('GET', '/_ping', 'X-A: 1\r\n'.repeat(20_000)), 431],
    ['two lengths', head('POST', '/volumes/create', 'Content-Length: 1\r\nContent-Length: 2\r\n'), bad],
    ['a negative length', head('POST', '/volumes/create', 'Content-Length: -1\r\n'), bad],
    ['a length of letters', head('POST', '/volumes/create', 'Content-Length: ten\r\n'), bad],
    [
      'a length and chunks',
      head('POST', '/volumes/create', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
      bad,
    ],
    [
      'chunked garbage',
      `${head('POST', '/volumes/create', 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n')}zz\r\n{}\r\n`,
      bad,
    ],
    [
      'a chunk of 2^64 bytes',
      `${head('POST', '/volumes/create', 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n')}ffffffffffffffff1\r\n{}\r\n`,
      bad,
    ],
    ['an expectation that nobody knows', head('POST', '/volumes/create', 'Expect: tea\r\n'), 417],
    ['an upgrade where there is none', head('GET', '/_ping', UPGRADE), 200],
    [
      'a websocket without a key',
      head('GET', '/containers/x/attach/ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
      400,
    ],
    ['CONNECT', 'CONNECT example:80 HTTP/1.1\r\nHost: x\r\n\r\n', 0],
    ['an absolute address', head('GET', 'http://x/_ping'), 404],
    ['an asterisk', head('OPTIONS', '*'), 404],
    ['two requests at once, the first wrong', head('GET', '/nowhere') + head('GET', '/_ping'), 404],
  ]
  const wrong: string[] = []
  const state = await stateOf(daemon)
  for (const [what, bytes, status] of cases) {
    const answer = await speak(daemon, bytes)
    if (answer.status !== status) wrong.push(`${what}: ${answer.status}, not ${status}: ${answer.text.slice(0, 300)}`)
  }
  assert.deepEqual(wrong, [])
  assert.deepEqual(await stateOf(daemon), state)
  assert.deepEqual(faultsIn(daemon.log), [])
})

test('200 connections dropped at random moments leave no descriptor, no exec and little memory behind', async t => {
  await make('busy', ['sh', '-c', 'while :; do echo line; usleep 20000; done'])
  await make('reader', ['cat'], { OpenStdin: true })
  await make('terminal', ['cat'], { OpenStdin: true, Tty: true })
  for (const name of ['busy', 'reader', 'terminal']) await containers.start(name)
  // A registry that never says anything.
  const registry = createServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  t.after(() => registry.close())
  await once(registry, 'listening')
  const silent = (registry.address() as AddressInfo).port
  const tar = archive(member({ name: 'big' }, Buffer.alloc(300_000, 7)))
  const kinds: (() => Promise<string | Buffer> | string | Buffer)[] = [
    () => head('POST', '/containers/busy/attach?stream=1&stdout=1&stderr=1', UPGRADE),
    () => `${head('POST', '/containers/reader/attach?stream=1&stdin=1&stdout=1', UPGRADE)}some input`,
    () => `${head('POST', '/containers/terminal/attach?stream=1&stdin=1&stdout=1', UPGRADE)}some input\n`,
    () => head('POST', '/containers/busy/attach?stream=1&stdout=1&logs=1'),
    () => head('GET', '/containers/busy/logs?follow=1&stdout=1&stderr=1'),
    () => head('GET', '/containers/busy/logs?stdout=1'),
    () => head('GET', '/containers/busy/stats'),
    () => head('GET', '/events'),
    () => head('GET', '/events?since=1'),
    () => head('POST', '/containers/busy/wait'),
    () => head('POST', '/containers/busy/wait?condition=removed'),
    async () => withBody('POST', `/exec/${await newExec('busy', ['cat'])}/start`, '{}', UPGRADE),
    async () =>
      withBody(
        'POST',
        `/exec/${await newExec('busy', ['timeout', '1', 'cat'], { Tty: true })}/start`,
        '{"Tty":true}',
        UPGRADE,
      ),
    async () => withBody('POST', `/exec/${await newExec('busy', ['timeout', '1', 'yes'])}/start`, '{}', UPGRADE),
    async () => withBody('POST', `/exec/${await newExec('busy', ['sleep', '1'])}/start`, '{"Detach":true}'),
    () =>
      Buffer.concat([
        Buffer.from(head('PUT', '/containers/busy/archive?path=/tmp', 'Content-Length: 400000\r\n')),
        tar,
      ]),
    () => head('GET', '/containers/busy/archive?path=/bin'),
    () => head('GET', '/containers/busy/export'),
    () => head('GET', '/images/busybox/get'),
    () => Buffer.concat([Buffer.from(head('POST', '/images/load', 'Content-Length: 400000\r\n')), tar]),
    () => Buffer.concat([Buffer.from(head('POST', '/images/create?fromSrc=-', 'Content-Length: 400000\r\n')), tar]),
    () => head('POST', `/images/create?fromImage=127.0.0.1:${silent}/x&tag=1`),
    () => head('POST', '/containers/create', 'Content-Type: application/json\r\nContent-Length: 500\r\n') + '{"Image":',
  ]
  const attack = async (count: number) => {
    for (let i = 0; i < count; i += 20) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, k) => {
          const bytes = await kinds[(i + k) % kinds.length]!()
          const socket = dial(daemon, bytes)
          if (k % 3 === 0) socket.resume()
          await sleep(Math.random() * 80)
          if (k % 5 === 0) socket.end()
          else socket.destroy()
          if (k % 5 === 0) {
            await sleep(Math.random() * 30)
            socket.destroy()
          }
        }),
      )
    }
  }
  await attack(60)
  await quiet()
  const before = usageOf(daemon.pid)
  await attack(200)
  await quiet()
  const settled = await until('descriptors are given back', () => {
    const now = usageOf(daemon.pid)
    return now.fds <= before.fds + 2 ? now : undefined
  }).catch((error: unknown) => {
    throw new Error(`${before.fds} descriptors before, ${usageOf(daemon.pid).fds} after`, { cause: error })
  })
  t.diagnostic(`descriptors ${before.fds} -> ${settled.fds}, resident ${before.rss} -> ${settled.rss} KiB`)
  assert.ok(settled.rss < before.rss + 40_000, `resident memory grew from ${before.rss} to ${settled.rss} KiB`)
  assert.deepEqual(faultsIn(daemon.log), [])
  for (const name of ['busy', 'reader', 'terminal']) {
    assert.equal((await containers.inspect(name)).State.Status, 'running')
    await containers.remove(name, { force: true })
  }
})

/** Nothing that the dropped clients began runs on: an exec whose client has gone hears the end of its input. */
async function quiet(): Promise<void> {
  const running = async () => {
    const ids = (await containers.inspect('busy')).ExecIDs ?? []
    const execs = await Promise.all(ids.map(id => call(daemon.socket, 'GET', `/exec/${id}/json`)))
    return execs.map(({ text }) => (JSON.parse(text) as { ProcessConfig: unknown }).ProcessConfig)
  }
  await until('execs end', async () => ((await running()).length === 0 ? true : undefined)).catch(async () => {
    assert.deepEqual(await running(), [])
  })
}

test('20 creates of one name at once: one wins', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post('/containers/create?name=one', { Image: 'busybox' })),
  )
  const counts = answers.map(answer => answer.status).toSorted()
  assert.deepEqual(counts, [201, ...Array.from({ length: 19 }, () => 409)])
  for (const { status, text } of answers)
    if (status === 409) assert.match(text, /The container name .*one.* is already in use/)
  assert.equal((await containers.list({ all: true })).length, 1)
  await containers.remove('one')
  const volumes = await Promise.all(Array.from({ length: 20 }, () => post('/volumes/create', { Name: 'one' })))
  assert.deepEqual([...new Set(volumes.map(answer => answer.status))], [201])
  await daemon.client.volumes.remove('one')
  const networks = await Promise.all(Array.from({ length: 20 }, () => post('/networks/create', { Name: 'one' })))
  assert.deepEqual(networks.map(answer => answer.status).toSorted(), [201, ...Array.from({ length: 19 }, () => 409)])
  await daemon.client.networks.remove('one')
})

test('50 clients at once start, stop, kill, rename, pause, connect and remove one container: every answer is a legal one', async t => {
  await daemon.client.networks.create({ Name: 'storm' })
  const base = await stateOf(daemon)
  const legal: Record<string, number[]> = {
    'POST start': [204, 304, 404, 409],
    'POST stop?t=0': [204, 304, 404, 409],
    'POST restart?t=0': [204, 404, 409],
    'POST kill': [204, 404, 409],
    'POST kill?signal=HUP': [204, 404, 409],
    'POST pause': [204, 404, 409],
    'POST unpause': [204, 404, 409],
    'POST rename?name=a1': [204, 400, 404, 409],
    'POST rename?name=b1': [204, 400, 404, 409],
    'POST update': [200, 404, 409],
    'POST connect': [200, 403, 404, 409],
    'POST disconnect': [200, 404, 403, 409],
    'GET json': [200, 404],
    'GET top': [200, 404, 409],
    'GET stats?stream=0&one-shot=1': [200, 404, 409],
    'POST exec': [201, 404, 409],
    'POST attach?stream=0': [200, 404, 409],
    'DELETE ': [204, 404, 409],
    'DELETE ?force=1': [204, 404, 409],
  }
  const verbs = Object.keys(legal)
  const seen = new Map<string, number>()
  const wrong = new Set<string>()
  const end = performance.now() + 8_000
  let id = await make('a1', ['sleep', '3600'])
  const others: string[] = []
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (performance.now() < end) {
        const verb = verbs[Math.floor(Math.random() * verbs.length)]!
        // Removals are rarer, so that there is something to remove.
        if (verb.startsWith('DELETE') && Math.random() < 0.6) continue
        const [method = '', what = ''] = verb.split(' ')
        const target = Math.random() < 0.7 ? id : 'a1'
        const answer = await request(method, what, target)
        seen.set(`${verb} ${answer.status}`, (seen.get(`${verb} ${answer.status}`) ?? 0) + 1)
        if (!legal[verb]!.includes(answer.status)) wrong.add(`${verb}: ${answer.status} ${answer.text.slice(0, 300)}`)
        if (answer.status === 404 && target === id) {
          const made = await post(`/containers/create?name=a1`, { Image: 'busybox', Cmd: ['sleep', '3600'] })
          if (made.status === 201) {
            id = (JSON.parse(made.text) as { Id: string }).Id
            daemon.seen.add(id)
            others.push(id)
          } else if (made.status !== 409) wrong.add(`create: ${made.status} ${made.text.slice(0, 300)}`)
        }
      }
    }),
  )
  t.diagnostic(
    [...seen]
      .map(([what, count]) => `${what}: ${count}`)
      .toSorted()
      .join(', '),
  )
  assert.deepEqual([...wrong], [])
  assert.deepEqual(faultsIn(daemon.log), [])

  for (const one of await containers.list({ all: true })) {
    const { State } = await containers.inspect(one.Id)
    assert.equal(State.Status, one.State)
    assert.equal(State.Pid > 0, State.Running, `${one.State} with the pid ${State.Pid}`)
    await containers.remove(one.Id, { force: true })
  }
  // Addresses are given back when their interface is really gone.
  const same = async () =>
    isDeepStrictEqual(await stateOf(daemon), base) && leftovers(daemon).length === 0 ? true : undefined
  await until('nothing is left', same, 5000).catch(() => {})
  assert.deepEqual(leftovers(daemon), [])
  assert.deepEqual(await stateOf(daemon), base)
  await daemon.client.networks.remove('storm')
  // Names are free again.
  for (const name of ['a1', 'b1']) await containers.remove(await make(name, ['true']))
})

async function request(method: string, what: string, id: string): Promise<{ status: number; text: string }> {
  if (what === 'connect' || what === 'disconnect') return post(`/networks/storm/${what}`, { Container: id })
  if (what === 'update') return post(`/containers/${id}/update`, { CpuShares: 100 + Math.floor(Math.random() * 900) })
  if (what === 'exec') return post(`/containers/${id}/exec`, { Cmd: ['true'] })
  if (what === 'attach?stream=0') {
    const { status, text } = await speak(daemon, head('POST', `/containers/${id}/${what}`, 'Connection: close\r\n'))
    return { status, text }
  }
  return call(daemon.socket, method, `/containers/${id}${what === '' || what.startsWith('?') ? '' : '/'}${what}`)
}

test('the daemon is well afterwards, and after a restart', async () => {
  await daemon.stop()
  await daemon.start()
  const id = await make('last', ['echo', 'well'])
  const attached = dial(daemon, head('POST', `/containers/${id}/attach?stream=1&stdout=1`, UPGRADE))
  await once(attached, 'data')
  await containers.start(id)
  const [line] = (await once(attached, 'data')) as [Buffer]
  assert.match(line.toString(), /well/)
  await containers.remove(id, { force: true })
  assert.deepEqual(faultsIn(daemon.log), [])
})
