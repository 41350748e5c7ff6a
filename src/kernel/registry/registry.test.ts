import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { Readable } from 'node:stream'
import { systemClock } from '#lib/clock.ts'
import { parseChallenges } from './challenge.ts'
import { HttpRegistry } from './index.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server on loopback that remembers what it was asked. */
async function serve(handler: Handler) {
  const asked: { line: string; authorization: string | undefined; headers: IncomingMessage['headers'] }[] = []
  const server = createServer((request, response) => {
    const { authorization } = request.headers
    asked.push({ line: `${request.method} ${request.url}`, authorization, headers: request.headers })
    request.resume()
    handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, asked, endpoint: { host, insecure: true } }
}

function client(options: { idleTimeout?: number; certDirectories?: string[] } = {}) {
  const slept: number[] = []
  const clock = { ...systemClock(), sleep: async (ms: number) => void slept.push(ms) }
  const registry = new HttpRegistry({ clock, backoff: 10, ...options })
  cleanups.push(() => registry.close())
  return { registry, slept }
}

async function textOf(stream: Readable): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

const MANIFEST = '{"schemaVersion":2}'
const DIGEST = `sha256:${createHash('sha256').update(MANIFEST).digest('hex')}`
const refuse = (response: ServerResponse, status: number, code: string, message: string) =>
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ errors: [{ code, message }] }))

describe('challenges', () => {
  it('are read one by one', () => {
    const header =
      'Bearer realm="https://a/t?x=1,2",service="s",scope="repository:a:pull,push", Basic realm="b \\"q\\""'
    assert.deepEqual(parseChallenges(header), [
      { scheme: 'bearer', parameters: { realm: 'https://a/t?x=1,2', service: 's', scope: 'repository:a:pull,push' } },
      { scheme: 'basic', parameters: { realm: 'b "q"' } },
    ])
    assert.deepEqual(parseChallenges(''), [])
    assert.deepEqual(parseChallenges('Basic'), [{ scheme: 'basic', parameters: {} }])
  })
})

describe('token authorization', () => {
  /** A registry and its token server; a token is good for `uses` requests. */
  async function guarded(uses = Infinity) {
    let issued = 0
    let left = 0
    const tokens = await serve((request, response) => {
      const basic = request.headers.authorization
      if (basic && basic !== `Basic ${Buffer.from('anna:geheim').toString('base64')}`) {
        return void response.writeHead(401).end('{"details":"incorrect username or password"}')
      }
      left = uses
      response.end(JSON.stringify({ token: `t${++issued}`, expires_in: 300 }))
    })
    const registry = await serve((request, response) => {
      if (request.headers.authorization === `Bearer t${issued}` && issued > 0 && left-- > 0) {
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(MANIFEST)
      }
      const challenge = `Bearer realm="http://${tokens.host}/token",service="reg",scope="ignored"`
      response.setHeader('www-authenticate', challenge)
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required')
    })
    return { tokens, registry }
  }

  it('asks for a token of the right scope once, and again when it is refused', async () => {
    const { tokens, registry } = await guarded(2)
    const { registry: reg } = client()
    const auth = { username: 'anna', password: 'geheim' }
    for (let i = 0; i < 3; i++) {
      assert.equal((await reg.manifest(registry.endpoint, 'a/b', 'latest', auth)).digest, DIGEST)
    }
    const scope = encodeURIComponent('repository:a/b:pull')
    assert.deepEqual(
      tokens.asked.map(ask => ask.line),
      Array.from({ length: 2 }, () => `GET /token?service=reg&scope=${scope}&account=anna`),
    )
    // 401, twice well, 401 with the used-up token, well.
    assert.equal(registry.asked.length, 5)
  })

  it('without a name asks for an anonymous token, with a wrong password says so', async () => {
    const { tokens, registry } = await guarded()
    const { registry: reg } = client()
    await reg.manifest(registry.endpoint, 'a/b', 'latest')
    assert.equal(tokens.asked[0]!.authorization, undefined)
    const wrong = { username: 'anna', password: 'falsch' }
    await assert.rejects(reg.manifest(registry.endpoint, 'a/b', 'latest', wrong), {
      kind: 'unauthenticated',
      message: 'unauthorized: incorrect username or password',
    })
  })

  it('exchanges an identity token by POST, and sends a registry token as it is', async () => {
    const { tokens, registry } = await guarded()
    const { registry: reg } = client()
    await reg.manifest(registry.endpoint, 'a/b', 'latest', { identitytoken: 'id' })
    assert.equal(tokens.asked[0]!.line, 'POST /token')
    await assert.rejects(reg.manifest(registry.endpoint, 'a/b', 'latest', { registrytoken: 'mine' }))
    assert.equal(registry.asked.at(-1)!.authorization, 'Bearer mine')
  })
})

describe('requests', () => {
  it('give credentials to no other host on a redirect', async () => {
    const storage = await serve((_, response) => void response.end('blob'))
    const registry = await serve((request, response) => {
      if (request.headers.authorization === undefined) {
        return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      }
      if (request.url!.endsWith('/again'))
        return void response.writeHead(302, { location: `http://${storage.host}/x` }).end()
      response.writeHead(307, { location: `${request.url!}/again` }).end()
    })
    const { registry: reg } = client()
    const auth = { username: 'anna', password: 'geheim' }
    assert.equal(await textOf(await reg.blob(registry.endpoint, 'a', DIGEST, 0, auth)), 'blob')
    assert.equal(registry.asked.at(-1)!.line, `GET /v2/a/blobs/${DIGEST}/again`)
    assert.ok(registry.asked.at(-1)!.authorization)
    assert.equal(storage.asked[0]!.authorization, undefined)
  })

  it('are tried again when the registry is busy, as long as it says', async () => {
    let attempts = 0
    const server = await serve((_, response) => {
      attempts++
      if (attempts === 1) return void response.writeHead(503).end()
      if (attempts === 2) return void response.writeHead(429, { 'retry-after': '2' }).end()
      response.end(MANIFEST)
    })
    const { registry, slept } = client()
    await registry.manifest(server.endpoint, 'a', 'latest')
    assert.deepEqual(slept, [10, 2000])
    attempts = -100
    const dead = await serve((_, response) => void response.writeHead(500).end())
    await assert.rejects(registry.manifest(dead.endpoint, 'a', 'latest'), /received unexpected HTTP status: 500/)
    assert.equal(dead.asked.length, 4)
  })

  it('are not repeated when refused', async () => {
    const server = await serve((_, response) => void refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown'))
    const { registry } = client()
    await assert.rejects(registry.manifest(server.endpoint, 'a', 'latest'), {
      kind: 'not-found',
      message: 'manifest unknown: manifest unknown',
      details: { status: 404, code: 'MANIFEST_UNKNOWN', transient: false },
    })
    assert.equal(server.asked.length, 1)
  })

  it('never speak plain HTTP to a registry that is not insecure', async () => {
    const server = await serve((_, response) => void response.end(MANIFEST))
    const { registry } = client()
    await assert.rejects(
      registry.manifest({ host: server.host, insecure: false }, 'a', 'x'),
      /^BerthError: Get "https:/,
    )
    assert.equal(server.asked.length, 0)
  })

  it('end with the signal and on a silent server', async () => {
    const server = await serve(() => {})
    const { registry } = client({ idleTimeout: 50 })
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('gone')), 20)
    const { signal } = controller
    await assert.rejects(registry.manifest(server.endpoint, 'a', 'x', undefined, { signal }), /gone/)
    await assert.rejects(registry.manifest(server.endpoint, 'a', 'x'), /no answer within/)
  })

  it('refuse a manifest that is not what its digest says', async () => {
    const server = await serve((_, response) => void response.end('{"other":1}'))
    const { registry } = client()
    await assert.rejects(registry.manifest(server.endpoint, 'a', DIGEST), /manifest verification failed/)
  })
})

describe('certificates', () => {
  it('of an authority of the host are trusted, unknown ones only from insecure registries', async context => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-certs-'))
    cleanups.push(() => rm(directory, { recursive: true }))
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
    ]
    const { status } = spawnSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert])
    if (status !== 0) return context.skip('openssl makes no certificate here')
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, answer) => {
      answer.end(MANIFEST)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const strict = client({ certDirectories: [] }).registry
    await assert.rejects(strict.manifest({ host, insecure: false }, 'a', 'x'), /self-signed certificate/)
    assert.equal((await strict.manifest({ host, insecure: true }, 'a', 'x')).digest, DIGEST)
    await mkdir(join(directory, 'certs.d', host), { recursive: true })
    await copyFile(cert, join(directory, 'certs.d', host, 'ca.crt'))
    const trusting = client({ certDirectories: [join(directory, 'certs.d')] }).registry
    assert.equal((await trusting.manifest({ host, insecure: false }, 'a', 'x')).digest, DIGEST)
  })
})

describe('ranges', () => {
  it('are cut out of a whole answer, are empty at the end, and must begin where asked', async () => {
    const server = await serve((request, response) => {
      if (request.url!.includes('/whole/')) return void response.end('0123456789')
      if (request.url!.includes('/end/')) return void response.writeHead(416).end()
      response.writeHead(206, { 'content-range': 'bytes 2-9/10' }).end('23456789')
    })
    const { registry } = client()
    const rest = (repository: string, offset: number) => registry.blob(server.endpoint, repository, DIGEST, offset)
    assert.equal(await textOf(await rest('whole', 4)), '456789')
    assert.equal(await textOf(await rest('end', 10)), '')
    assert.equal(await textOf(await rest('part', 2)), '23456789')
    await assert.rejects(rest('part', 3), /sent bytes from 2/)
    assert.equal(server.asked[0]!.headers.range, 'bytes=4-')
  })
})

describe('uploads', () => {
  it('start over after a broken one, keeping the query of the place they were given', async () => {
    let puts = 0
    const server = await serve((request, response) => {
      if (request.method === 'POST') {
        return void response.writeHead(202, { location: '/v2/a/up/1?_state=a%2Bb%3D' }).end()
      }
      if (++puts === 1) return void response.socket!.destroy()
      response.writeHead(201).end()
    })
    const { registry } = client()
    const blob = { digest: DIGEST, size: MANIFEST.length, open: async () => Readable.from([Buffer.from(MANIFEST)]) }
    await registry.pushBlob(server.endpoint, 'a', blob)
    const lines = server.asked.map(ask => ask.line).filter(line => line.startsWith('PUT'))
    const put = `PUT /v2/a/up/1?_state=a%2Bb%3D&digest=${encodeURIComponent(DIGEST)}`
    assert.deepEqual(lines, [put, put])
  })
})

describe('tags', () => {
  it('are read to the last page', async () => {
    const server = await serve((request, response) => {
      if (request.url!.includes('last=')) return void response.end('{"tags":["c"]}')
      response.setHeader('link', '</v2/a/tags/list?last=b&n=2>; rel="next"')
      response.end('{"tags":["a","b"]}')
    })
    assert.deepEqual(await client().registry.tags(server.endpoint, 'a'), ['a', 'b', 'c'])
  })
})
