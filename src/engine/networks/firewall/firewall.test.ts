import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '#lib/log.ts'
import { FakeFirewall } from '#ports/testing/fake-firewall.ts'
import { changes, emptyElements, ruleset } from './ruleset.ts'
import { FirewallTable } from './table.ts'
import { countOf, isWhole } from './whole.ts'

const port = (hostPort: number, to = '172.17.0.2 . 80') => ({
  set: 'any4' as const,
  key: `tcp . ${hostPort}`,
  value: to,
})

async function built() {
  const firewall = new FakeFirewall()
  const table = new FirewallTable(firewall, 'berth-t', silentLogger)
  await table.rebuild(emptyElements())
  firewall.scripts.length = 0
  return { firewall, table, scripts: () => firewall.scripts.map(entry => entry.script) }
}

test('the table is replaced whole in one script', () => {
  const elements = emptyElements()
  elements.bridges.set('"berth0"', '')
  elements.any4.set('tcp . 8080', '172.17.0.2 . 80')
  const script = ruleset('berth-t', elements)
  assert.match(script, /^add table inet berth-t\ndelete table inet berth-t\ntable inet berth-t \{/)
  assert.match(script, /set bridges \{ type ifname; elements = \{ "berth0" \}; \}/)
  assert.match(script, /map any4 \{[^\n]*elements = \{ tcp \. 8080 : 172\.17\.0\.2 \. 80 \}; \}/)
  assert.match(script, /map any6 \{ type [^=]*; \}/)
})

test('changes are one statement a set, removals first and by key alone', () => {
  assert.equal(
    changes('berth-t', [port(1)], [port(2), port(3)]),
    'delete element inet berth-t any4 { tcp . 1 }\nadd element inet berth-t any4 { tcp . 2 : 172.17.0.2 . 80, tcp . 3 : 172.17.0.2 . 80 }\n',
  )
})

test('fifty changes at once are a handful of transactions', async () => {
  const { table, scripts } = await built()
  await Promise.all(Array.from({ length: 50 }, (_, i) => table.change([], [port(i + 1)])))
  assert.ok(scripts().length <= 2, `${scripts().length} transactions`)
})

test('what is there is not added again, what is not there is not removed', async () => {
  const { table, scripts } = await built()
  await table.change([], [port(1)])
  await table.change([port(9)], [port(1)])
  assert.equal(scripts().length, 1)
  await table.change([], [port(1, '172.17.0.3 . 80')])
  assert.equal(
    scripts()[1],
    'delete element inet berth-t any4 { tcp . 1 }\nadd element inet berth-t any4 { tcp . 1 : 172.17.0.3 . 80 }\n',
  )
})

test('what is removed and added alike is not touched', async () => {
  const { table, scripts } = await built()
  await table.change([], [port(1), port(2)])
  await table.change([port(1), port(2)], [port(2), port(1)])
  assert.equal(scripts().length, 1)
  await table.change([port(1), port(2)], [port(2), port(3)])
  assert.equal(
    scripts()[1],
    'delete element inet berth-t any4 { tcp . 1 }\nadd element inet berth-t any4 { tcp . 3 : 172.17.0.2 . 80 }\n',
  )
})

test('a flushed table is put back whole, by the next change or by the watch', async () => {
  const { table, firewall, scripts } = await built()
  await table.change([], [port(1)])
  firewall.forgetTables()
  await table.change([], [port(2)])
  assert.match(scripts().at(-1)!, /^add table/)
  assert.match(scripts().at(-1)!, /tcp \. 1 : .*tcp \. 2 : /)
  assert.equal(await table.heal(), false)
  firewall.forgetTables()
  assert.equal(await table.heal(), true)
  assert.match(scripts().at(-1)!, /tcp \. 2/)
})

test('a change that the kernel refuses leaves things as they were', async () => {
  const { table, firewall, scripts } = await built()
  await table.change([], [port(1)])
  firewall.apply = async () => {
    throw new Error('refused')
  }
  await assert.rejects(table.change([port(1)], [port(2)]), /refused/)
  delete (firewall as { apply?: unknown }).apply
  await table.change([], [port(3)])
  assert.match(scripts().at(-1)!, /^add element inet berth-t any4 \{ tcp \. 3/)
  await table.change([port(1)], [])
  assert.match(scripts().at(-1)!, /^delete element inet berth-t any4 \{ tcp \. 1/)
})

test('the text says how much there is; a listing with less of anything is not whole', () => {
  const script = ruleset('berth-t', emptyElements())
  const { chains, rules } = countOf(script)
  assert.ok(chains > 8 && rules > 30)
  const elements = emptyElements()
  elements.any4.set('tcp . 8080', '172.17.0.2 . 80')
  const listing = (more: { rules?: number; any4?: number; without?: string } = {}) => ({
    nftables: [
      ...Array.from({ length: chains }, () => ({ chain: {} })),
      ...Array.from({ length: more.rules ?? rules }, () => ({ rule: {} })),
      ...Object.keys(elements)
        .filter(name => name !== more.without)
        .map(name => ({ set: { name, elem: name === 'any4' ? Array(more.any4 ?? 1).fill('') : [] } })),
    ],
  })
  assert.ok(isWhole(listing(), script, elements))
  assert.ok(isWhole(listing({ rules: rules + 1 }), script, elements))
  assert.ok(!isWhole(listing({ rules: rules - 1 }), script, elements))
  assert.ok(!isWhole(listing({ any4: 0 }), script, elements))
  assert.ok(!isWhole(listing({ without: 'home4' }), script, elements))
})
