import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { silentLogger } from '#lib/log.ts'
import { testNetworking } from '#kernel/testing/networking.ts'
import type { Firewall } from '#ports/firewall.ts'
import { emptyElements } from './ruleset.ts'
import { FirewallTable } from './table.ts'

test('whatever part of the table goes, it comes back; while nobody meddles the table is not even listed', async () => {
  const { networking, close } = testNetworking({ poolSize: 0 })
  const sandbox = await networking.sandboxes.create('heal')
  const real = networking.firewall
  let listings = 0
  const firewall: Firewall = {
    apply: script => real.apply(script, sandbox),
    acceptFirst: (rule, present) => real.acceptFirst(rule, present, sandbox),
    forgetFlows: filter => real.forgetFlows(filter, sandbox),
    generation: () => real.generation(sandbox),
    tables: () => real.tables(sandbox),
    listTable: (family, name) => {
      listings++
      return real.listTable(family, name, sandbox)
    },
  }
  const nft = (input: string) => {
    const { stdout, stderr } = spawnSync('nsenter', [`--net=${sandbox}`, 'nft', '-f', '-'], { input, encoding: 'utf8' })
    assert.equal(stderr, '')
    return stdout
  }
  try {
    const table = new FirewallTable(firewall, 'berth-heal', silentLogger)
    const elements = emptyElements()
    elements.bridges.set('"br-1"', '')
    elements.masquerade4.set('172.18.0.0/16', '')
    elements.masquerade4.set('172.19.0.0/16', '')
    await table.rebuild(elements)
    assert.equal(await table.heal(), false)
    await table.change([], [{ set: 'any4', key: 'tcp . 8080', value: '172.18.0.2 . 80' }])
    await table.change([], [{ set: 'home4', key: '"br-1" . 172.18.0.0/16' }])
    assert.equal(await table.heal(), false)
    assert.equal(listings, 0)
    nft('add table ip other')
    assert.equal(await table.heal(), false)
    assert.equal(listings, 1)
    for (const harm of [
      'flush ruleset',
      'flush chain inet berth-heal forward',
      'delete element inet berth-heal any4 { tcp . 8080 }',
      'flush set inet berth-heal masquerade4',
    ]) {
      const before = nft('list table inet berth-heal')
      nft(harm)
      assert.equal(await table.heal(), true, harm)
      assert.equal(nft('list table inet berth-heal'), before, harm)
      assert.equal(await table.heal(), false, harm)
    }
  } finally {
    await close()
  }
})
