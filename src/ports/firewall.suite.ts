import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { Firewall } from './firewall.ts'
import { eachAnew } from './testing/each-anew.ts'

export interface FirewallUnderTest {
  firewall: Firewall
  /** An existing sandbox. */
  sandbox: string
  close(): Promise<void>
}

/** What the firewall owes its callers. All of it happens inside a sandbox. */
export function firewallSuite(name: string, make: () => Promise<FirewallUnderTest>): void {
  const run = eachAnew(make)

  describe(`firewall: ${name}`, () => {
    run('a table is there from its making to its deletion, in its namespace only', async t => {
      assert.equal(await t.firewall.listTable('inet', 'berth-suite', t.sandbox), undefined)
      await t.firewall.apply('add table inet berth-suite', t.sandbox)
      assert.deepEqual(await t.firewall.tables(t.sandbox), [{ family: 'inet', name: 'berth-suite' }])
      assert.ok(await t.firewall.listTable('inet', 'berth-suite', t.sandbox))
      assert.equal(await t.firewall.listTable('inet', 'berth-suite'), undefined)
      await t.firewall.apply('delete table inet berth-suite', t.sandbox)
      assert.deepEqual(await t.firewall.tables(t.sandbox), [])
    })

    run('a script with one bad command changes nothing', async t => {
      const script = 'add table inet berth-suite\nadd element inet berth-absent m { 1 }'
      await assert.rejects(t.firewall.apply(script, t.sandbox), error => isKind(error, 'system'))
      assert.deepEqual(await t.firewall.tables(t.sandbox), [])
    })

    run('tables of others are refused', async t => {
      const refused = (script: string) =>
        assert.rejects(
          t.firewall.apply(script, t.sandbox),
          error => isKind(error, 'forbidden') || isKind(error, 'invalid'),
        )
      await refused('add table inet filter')
      await refused('add table inet berth-a\nflush ruleset')
      assert.deepEqual(await t.firewall.tables(t.sandbox), [])
    })
  })
}
