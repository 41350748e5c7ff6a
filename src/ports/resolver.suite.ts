import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { DnsSockets, HostPorts } from './resolver.ts'
import { eachAnew } from './testing/each-anew.ts'

export interface DnsSocketsUnderTest {
  dns: DnsSockets
  /** An existing sandbox. */
  sandbox: string
  /** Asks 127.0.0.11:53 from inside the sandbox. */
  inside(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined>
  close(): Promise<void>
}

/** What the sockets of the embedded DNS owe their callers; messages are opaque to them. */
export function dnsSocketsSuite(name: string, make: () => Promise<DnsSocketsUnderTest>): void {
  const run = eachAnew(make)

  describe(`dns sockets: ${name}`, () => {
    for (const transport of ['udp', 'tcp'] as const) {
      run(`a query over ${transport} reaches the handler, its answer the asker`, async t => {
        const seen: unknown[] = []
        await t.dns.listen(t.sandbox, async (query, from) => {
          seen.push([query.toString(), from])
          return Buffer.from(`answer to ${query}`)
        })
        assert.equal(String(await t.inside(Buffer.from('question'), transport)), 'answer to question')
        assert.deepEqual(seen, [['question', { sandbox: t.sandbox, transport }]])
      })
    }

    run('listening again puts the new handler in place of the old', async t => {
      await t.dns.listen(t.sandbox, async () => Buffer.from('old'))
      await t.dns.listen(t.sandbox, async () => Buffer.from('new'))
      assert.equal(String(await t.inside(Buffer.from('q'), 'udp')), 'new')
      assert.equal(String(await t.inside(Buffer.from('q'), 'tcp')), 'new')
    })

    run('after close nobody answers', async t => {
      await t.dns.listen(t.sandbox, async () => Buffer.from('x'))
      t.dns.close(t.sandbox)
      t.dns.close(t.sandbox)
      await assert.rejects(t.inside(Buffer.from('q'), 'udp'))
    })

    run('a dead server is unavailable', async t => {
      const asked = t.dns.ask('127.0.0.99', Buffer.from('q'), { timeoutMs: 50, sandbox: t.sandbox })
      await assert.rejects(asked, error => isKind(error, 'unavailable'))
    })
  })
}

/** What host ports owe their callers. `port` is one that is free on the machine. */
export function hostPortsSuite(name: string, make: () => HostPorts, port: () => Promise<number>): void {
  describe(`host ports: ${name}`, () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      it(`a reserved ${protocol} port is taken until it is given back`, async () => {
        const ports = make()
        const mine = await port()
        assert.equal(ports.isFree(protocol, '127.0.0.1', mine), true)
        const release = ports.reserve(protocol, '127.0.0.1', mine)
        assert.equal(ports.isFree(protocol, '127.0.0.1', mine), false)
        assert.equal(ports.isFree(protocol, '0.0.0.0', mine), false)
        assert.equal(ports.isFree(protocol, '127.0.0.2', mine), true)
        assert.throws(
          () => ports.reserve(protocol, '127.0.0.1', mine),
          error => isKind(error, 'conflict'),
        )
        release()
        release()
        assert.equal(ports.isFree(protocol, '127.0.0.1', mine), true)
      })
    }

    it('the families are apart', async () => {
      const ports = make()
      const mine = await port()
      const releases = [ports.reserve('tcp', '0.0.0.0', mine), ports.reserve('tcp', '::', mine)]
      for (const release of releases) release()
    })

    it('the ephemeral range is a range', () => {
      const [low, high] = make().ephemeralRange()
      assert.ok(low > 0 && low < high && high < 65_536)
    })
  })
}
