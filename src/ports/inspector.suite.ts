import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Inspector } from './inspector.ts'
import { eachAnew } from './testing/each-anew.ts'

export interface InspectorUnderTest {
  inspector: Inspector
  /** An existing sandbox with nothing but its loopback, which is up, and no listener. */
  sandbox: string
  close(): Promise<void>
}

/** What the inspector owes its callers about a namespace in which nothing is. */
export function inspectorSuite(name: string, make: () => Promise<InspectorUnderTest>): void {
  const run = eachAnew(make)

  describe(`inspector: ${name}`, () => {
    run('an empty namespace has no rules, listeners or legacy tables', async ({ inspector, sandbox }) => {
      const { nftables } = (await inspector.ruleset(sandbox)) as { nftables: object[] }
      assert.deepEqual(
        nftables.filter(entry => !('metainfo' in entry)),
        [],
      )
      assert.deepEqual(await inspector.listeners(sandbox), [])
      assert.deepEqual(inspector.legacyTables(sandbox), [])
    })

    run('its loopback is local, and nothing else has a route', async ({ inspector, sandbox }) => {
      assert.equal((await inspector.routeTo('127.0.0.1', { sandbox })).kind, 'local')
      assert.deepEqual(await inspector.routeTo('192.0.2.1', { sandbox }), {
        kind: 'none',
        device: '',
        gateway: '',
        source: '',
      })
    })

    run('probes are refused, find no way, or arrive', async ({ inspector, sandbox }) => {
      const options = { timeoutMs: 500, sandbox }
      assert.deepEqual(await inspector.connect('127.0.0.1', 9, options), { outcome: 'refused', errno: 'ECONNREFUSED' })
      assert.deepEqual(await inspector.connect('192.0.2.1', 9, options), {
        outcome: 'unreachable',
        errno: 'ENETUNREACH',
      })
      assert.equal(await inspector.ping('127.0.0.1', { ...options, bytes: 1500 }), true)
      assert.equal(await inspector.ping('192.0.2.1', { ...options, timeoutMs: 50, bytes: 100 }), false)
    })

    run('a key that is not there is undefined', async ({ inspector, sandbox }) => {
      assert.equal(inspector.sysctl('net.ipv4.no_such_key', sandbox), undefined)
      assert.match(inspector.sysctl('net.ipv4.ip_forward', sandbox) ?? '', /^[01]$/)
    })
  })
}
