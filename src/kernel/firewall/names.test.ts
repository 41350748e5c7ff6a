import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertOwnTables, namedTables } from './names.ts'

const names = (script: string) => namedTables(script).map(t => `${t.verb} ${t.object} ${t.family} ${t.name}`)

test('every form that policy writes is read', () => {
  const script = `
    # comment with table inet evil
    add table inet berth; delete table inet berth
    table inet berth {
      map ports { type inet_service : ipv4_addr . inet_service; elements = { 80 : 10.0.0.2 . 80 } }
      chain pre { type nat hook prerouting priority dstnat; policy accept; dnat ip to tcp dport map @ports }
    }
    add element inet berth ports { 81 : 10.0.0.3 . 81 }
    add rule ip berth-dns out ip daddr 127.0.0.11 counter comment "x { y"
    delete element inet berth ports { 81 }
    flush chain inet berth pre`
  assert.deepEqual(names(script), [
    'add table inet berth',
    'delete table inet berth',
    'add table inet berth',
    'add element inet berth',
    'add rule ip berth-dns',
    'delete element inet berth',
    'flush chain inet berth',
  ])
  assertOwnTables(script)
})

for (const [script, message] of [
  ['add table inet filter', /inet filter is not one of berth's/],
  ['add element inet berth m { 1 }\ndelete chain ip nat POSTROUTING', /ip nat is not/],
  ['flush ruleset', /"flush ruleset" does not name/],
  ['delete table berth', /does not name a family/],
  ['include "/etc/nftables.conf"', /does not name/],
  ['define x = 1', /does not name/],
  ['table inet berth { chain x { }', /unmatched brace/],
  ['table inet berth { } } flush ruleset {', /unmatched brace/],
  ['table inet berth { }; flush ruleset', /flush ruleset/],
] as const) {
  test(`refused: ${script.replaceAll('\n', ' ')}`, () => {
    assert.throws(() => assertOwnTables(script), { message })
  })
}
