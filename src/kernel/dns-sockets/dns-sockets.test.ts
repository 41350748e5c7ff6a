import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dnsSocketsSuite } from '#ports/resolver.suite.ts'
import { isKind } from '#lib/errors.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'
import { testNetworking } from '#kernel/testing/networking.ts'
import { KernelDnsSockets } from './dns-sockets.ts'

async function make() {
  const { networking, close } = testNetworking({ poolSize: 0 })
  const dns = networking.dnsSockets
  const sandbox = await networking.sandboxes.create('dns')
  const inside = (query: Buffer, transport: 'udp' | 'tcp') =>
    dns.ask('127.0.0.11', query, { timeoutMs: 500, tcp: transport === 'tcp', sandbox })
  return { networking, dns, sandbox, inside, close }
}

dnsSocketsSuite('kernel', make)

test('a new daemon listens where the old one was killed', async () => {
  const t = await make()
  try {
    await t.dns.listen(t.sandbox, async () => Buffer.from('old'))
    t.dns.closeAll()
    const next = new KernelDnsSockets(t.networking.namespaces, t.networking.firewall)
    await next.listen(t.sandbox, async () => Buffer.from('new'))
    assert.equal(String(await t.inside(Buffer.from('q'), 'udp')), 'new')
    next.closeAll()
  } finally {
    await t.close()
  }
})

test("a container's own server on 0.0.0.0:53 works beside", async () => {
  const t = await make()
  try {
    await t.dns.listen(t.sandbox, async () => Buffer.from('embedded'))
    const own = t.networking.namespaces.enter(t.sandbox, () => {
      const fd = libc.socket(libc.AF_INET, libc.SOCK_DGRAM)
      libc.bind(fd, encodeSocketAddress('0.0.0.0', 53))
      return fd
    })
    assert.equal(String(await t.inside(Buffer.from('q'), 'udp')), 'embedded')
    const refused = t.dns.ask('127.0.0.1', Buffer.from('own'), { timeoutMs: 50, sandbox: t.sandbox })
    await assert.rejects(refused, error => isKind(error, 'unavailable'))
    const received = Buffer.alloc(16)
    assert.equal(received.toString('utf8', 0, libc.recv(own, received, libc.MSG_DONTWAIT)), 'own')
    libc.close(own)
  } finally {
    await t.close()
  }
})

test('many questions down one connection, a big answer, and a handler that fails', async () => {
  const t = await make()
  try {
    await t.dns.listen(t.sandbox, async query => {
      if (query.toString() === 'fail') throw new Error('no')
      return query.toString() === 'big' ? Buffer.alloc(60_000, 7) : query
    })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => t.inside(Buffer.from(`q${index}`), index % 4 === 0 ? 'tcp' : 'udp')),
    )
    assert.deepEqual(
      answers.map(String),
      Array.from({ length: 200 }, (_, index) => `q${index}`),
    )
    assert.equal((await t.inside(Buffer.from('big'), 'tcp'))?.length, 60_000)
    await assert.rejects(t.inside(Buffer.from('fail'), 'tcp'), error => isKind(error, 'unavailable'))
    assert.equal(String(await t.inside(Buffer.from('still there'), 'udp')), 'still there')
  } finally {
    await t.close()
  }
})

test('a refusing server is unavailable at once, not after the timeout', async () => {
  const t = await make()
  try {
    const began = performance.now()
    for (const tcp of [false, true]) {
      const asked = t.dns.ask('127.0.0.1', Buffer.from('q'), { timeoutMs: 5000, sandbox: t.sandbox, tcp })
      await assert.rejects(asked, error => isKind(error, 'unavailable'))
    }
    assert.ok(performance.now() - began < 2000)
  } finally {
    await t.close()
  }
})

test('a restart replaces no table', async () => {
  const t = await make()
  try {
    const table = async () => JSON.stringify(await t.networking.firewall.listTable('ip', 'berth-dns', t.sandbox))
    const { dns, sandbox } = t
    await dns.listen(sandbox, async () => Buffer.from('old'))
    const before = await table()
    assert.match(before, /61053/)
    await dns.listen(sandbox, async () => Buffer.from('same'))
    assert.equal(String(await t.inside(Buffer.from('q'), 'tcp')), 'same')
    dns.closeAll()
    await dns.listen(sandbox, async () => Buffer.from('new'))
    assert.equal(String(await t.inside(Buffer.from('q'), 'udp')), 'new')
    assert.equal(String(await t.inside(Buffer.from('q'), 'tcp')), 'new')
    assert.equal(await table(), before)
  } finally {
    await t.close()
  }
})

test('a container that has the usual port makes the daemon take others, and none of it confuses a later one', async () => {
  const t = await make()
  try {
    const { dns, sandbox } = t
    const take = () =>
      t.networking.namespaces.enter(sandbox, () => {
        const fd = libc.socket(libc.AF_INET, libc.SOCK_DGRAM)
        libc.bind(fd, encodeSocketAddress('0.0.0.0', 61_053))
        return fd
      })
    const answers = async (word: string) => {
      for (const transport of ['udp', 'tcp'] as const) {
        assert.equal(String(await t.inside(Buffer.from('q'), transport)), word)
      }
    }
    const first = take()
    for (const word of ['at first', 'after a restart']) {
      await dns.listen(sandbox, async () => Buffer.from(word))
      await answers(word)
      dns.closeAll()
    }
    libc.close(first)
    await dns.listen(sandbox, async () => Buffer.from('free again'))
    await answers('free again')
    dns.closeAll()
    const second = take()
    await dns.listen(sandbox, async () => Buffer.from('taken again'))
    await answers('taken again')
    libc.close(second)
  } finally {
    await t.close()
  }
})

test('a burst down one socket: answers at once, later, too large and none; each asker gets its own', async () => {
  const t = await make()
  try {
    await t.dns.listen(t.sandbox, query => {
      const [kind, number] = query.toString().split(' ')
      if (kind === 'throws') throw new Error('no')
      if (kind === 'none') return undefined
      if (kind === 'large') return Buffer.alloc(5000, Number(number))
      return kind === 'later' ? new Promise(resolve => setImmediate(resolve, query)) : query
    })
    const fd = t.networking.namespaces.enter(t.sandbox, () => {
      const socket = libc.socket(libc.AF_INET, libc.SOCK_DGRAM)
      libc.connect(socket, encodeSocketAddress('127.0.0.11', 53))
      return socket
    })
    const kinds = ['now', 'later', 'throws', 'none', 'large']
    for (let i = 0; i < 100; i++) libc.send(fd, Buffer.from(`${kinds[i % 5]} ${i}`))
    const got: string[] = []
    const buffer = Buffer.alloc(8192)
    for (let waited = 0; got.length < 60 && waited < 500; waited++) {
      await new Promise(resolve => setTimeout(resolve, 10))
      try {
        for (;;) {
          const length = libc.recv(fd, buffer, libc.MSG_DONTWAIT)
          got.push(length === 5000 ? `large ${buffer[0]}` : buffer.toString('utf8', 0, length))
        }
      } catch {
        // Nothing there for now.
      }
    }
    libc.close(fd)
    const wanted = Array.from({ length: 100 }, (_, i) => `${kinds[i % 5]} ${i}`).filter(one => !/throws|none/.test(one))
    assert.deepEqual(got.sort(), wanted.sort())
  } finally {
    await t.close()
  }
})
