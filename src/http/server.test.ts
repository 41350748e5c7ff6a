import { conflict } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import assert from 'node:assert/strict'
import { chmodSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAX_JSON_BODY } from './body.ts'
import { ApiServer } from './server.ts'
import { testServer } from './testing/test-server.ts'

test('versions: unversioned and 1.24 to 1.51 work, others are refused in the words that clients match', async () => {
  await using api = await testServer()
  for (const prefix of ['', '/v1.24', '/v1.51']) {
    assert.equal((await api.call('GET', `${prefix}/version`)).status, 200, prefix)
  }
  const late = await api.call('GET', '/v1.99/version')
  assert.equal(late.status, 400)
  assert.deepEqual(JSON.parse(late.text), {
    message: 'client version 1.99 is too new. Maximum supported API version is 1.51',
  })
  const early = await api.call('GET', '/v1.12/version')
  assert.equal(early.status, 400)
  assert.match(early.text, /client version 1\.12 is too old\. Minimum supported API version is 1\.24/)
})

test('every answer carries the headers by which clients negotiate', async () => {
  await using api = await testServer()
  const ping = await api.call('GET', '/_ping')
  assert.equal(ping.text, 'OK')
  for (const answer of [ping, await api.call('HEAD', '/_ping'), await api.call('GET', '/nowhere')]) {
    assert.equal(answer.headers['api-version'], '1.51')
    assert.equal(answer.headers['ostype'], 'linux')
    assert.equal(answer.headers['docker-experimental'], 'false')
    assert.equal(answer.headers['server'], 'Berth/test')
  }
  assert.equal(ping.headers['content-type'], 'text/plain; charset=utf-8')
})

test('unknown paths and wrong methods are 404 page not found', async () => {
  await using api = await testServer()
  for (const [method, path] of [
    ['GET', '/nowhere'],
    ['PATCH', '/containers/json'],
    ['GET', '/containers/web/start'],
    ['GET', '/'],
    ['GET', '/v1.51'],
  ] as const) {
    const answer = await api.call(method, path)
    assert.equal(answer.status, 404, path)
    assert.deepEqual(JSON.parse(answer.text), { message: 'page not found' })
  }
})

test('image names with slashes, ports and escapes reach the engine whole', async () => {
  const asked: string[] = []
  await using api = await testServer({
    images: {
      resolve(reference) {
        asked.push(reference)
        throw conflict('seen')
      },
    },
  })
  await api.call('GET', '/v1.40/images/localhost:5000/a/b:tag/json')
  await api.call('GET', '/images/a%2Fb%3Atag/history')
  assert.deepEqual(asked, ['localhost:5000/a/b:tag', 'a/b:tag'])
  assert.equal((await api.call('GET', '/images/a%zz/json')).status, 400)
})

test('a body over the limit is 413, announced or not, and the connection survives to tell', async () => {
  await using api = await testServer()
  const big = Buffer.alloc(MAX_JSON_BODY + 1, ' ')
  for (const headers of [undefined, { 'Transfer-Encoding': 'chunked' }]) {
    const answer = await api.call('POST', '/containers/create', big, headers)
    assert.equal(answer.status, 413)
    assert.match(answer.text, /request body is larger than/)
  }
})

test('an error that nobody foresaw is 500 with its message, and the server goes on', async () => {
  await using api = await testServer({
    containers: {
      start() {
        throw new TypeError('boom')
      },
    },
  })
  const answer = await api.call('POST', '/containers/web/start')
  assert.equal(answer.status, 500)
  assert.deepEqual(JSON.parse(answer.text), { message: 'boom' })
  assert.equal((await api.call('GET', '/_ping')).status, 200)
})

test('a malformed request gets a JSON error, not silence', async () => {
  await using api = await testServer()
  const socket = api.dial('NONSENSE\r\n\r\n')
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400 [^]*"message":"malformed HTTP request/)
})

test('the socket is for owner and group only, and a stale one is replaced but a live one is not', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-listen-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 's.sock')
  const make = () => new ApiServer({ routes: [], log: silentLogger, serverName: 'x' })

  // A daemon that was killed leaves its file behind.
  const dead = createServer()
  await new Promise<void>(resolve => dead.listen(path, resolve))
  const stale = join(directory, 'stale.sock')
  linkSync(path, stale)
  await new Promise(resolve => dead.close(resolve))

  const first = make()
  await first.listen([`unix://${stale}`])
  assert.equal(statSync(stale).mode & 0o777, 0o660)
  await assert.rejects(make().listen([`unix://${stale}`]), /another daemon answers there/)
  await first.close(0)

  const file = join(directory, 'file')
  writeFileSync(file, 'precious')
  chmodSync(file, 0o600)
  await assert.rejects(make().listen([`unix://${file}`]), /exists and is not a socket/)
})

test('listening on several addresses is all or none', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-listen-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 's.sock')
  const server = new ApiServer({ routes: [], log: silentLogger, serverName: 'x' })
  await assert.rejects(server.listen([`unix://${path}`, 'tcp://256.0.0.1:0']), /cannot listen on tcp/)
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
  const [unix, tcp] = await server.listen([`unix://${path}`, 'tcp://127.0.0.1:0'])
  assert.equal(unix, `unix://${path}`)
  assert.match(tcp ?? '', /^tcp:\/\/127\.0\.0\.1:[1-9][0-9]*$/)
  await server.close(0)
})
