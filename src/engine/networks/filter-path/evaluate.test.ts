import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filterAt } from './evaluate.ts'
import type { Packet } from './packet.ts'
import { parseRuleset, type Json } from './ruleset.ts'

const packet: Packet = {
  family: 4,
  protocol: 'tcp',
  source: '192.0.2.1',
  destination: '10.0.0.1',
  sourcePort: 40_000,
  destinationPort: 8080,
  iif: 'eth0',
  state: 'new',
  dnat: false,
  toLocal: true,
}

const base = (family: string, table: string, name: string, more: object = {}) => ({
  chain: { family, table, name, type: 'filter', hook: 'forward', prio: 0, policy: 'accept', ...more },
})
const rule = (family: string, table: string, chain: string, ...expr: Json[]) => ({
  rule: { family, table, chain, handle: 7, expr },
})
const text = (table: string, chain: string, printed: string) => ({
  rule: { family: 'ip', table, chain, handle: 7, expr: [{ xt: { type: 'match', name: 'some' } }], text: printed },
})
const judged = (objects: object[], of: Partial<Packet> = {}, families?: string[]) =>
  filterAt(parseRuleset({ nftables: objects }), 'forward', { ...packet, ...of }, families)
const dport = (port: number): Json => ({
  match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: port },
})

test('a drop names family, table, chain, handle, text and comment', () => {
  const dropping = {
    rule: { family: 'ip', table: 't', chain: 'c', handle: 9, comment: 'mine', expr: [dport(8080), { drop: null }] },
  }
  assert.deepEqual(judged([base('ip', 't', 'c'), dropping]), {
    verdict: 'drop',
    by: { family: 'ip', table: 't', chain: 'c', rule: 'tcp dport 8080 drop', handle: 9, comment: 'mine' },
  })
})

test('what cannot be evaluated makes unsure only what depends on it', () => {
  const strange: Json = { xt: { type: 'match', name: 'recent' } }
  assert.equal(judged([base('ip', 't', 'c'), rule('ip', 't', 'c', strange, { drop: null })]).verdict, 'unsure')
  assert.equal(judged([base('ip', 't', 'c'), rule('ip', 't', 'c', strange, { accept: null })]).verdict, 'pass')
  const closed = base('ip', 't', 'c', { policy: 'drop' })
  assert.equal(judged([closed, rule('ip', 't', 'c', strange, { accept: null })]).verdict, 'unsure')
  assert.equal(judged([closed, rule('ip', 't', 'c', strange, { drop: null })]).verdict, 'drop')
  // It is not a packet of port 80: whatever the extension says.
  assert.equal(judged([base('ip', 't', 'c'), rule('ip', 't', 'c', dport(80), strange, { drop: null })]).verdict, 'pass')
  // A later table drops for sure.
  const later = [base('ip', 'u', 'c', { prio: 5 }), rule('ip', 'u', 'c', { drop: null })]
  const doubtful = [base('ip', 't', 'c'), rule('ip', 't', 'c', strange, { drop: null })]
  assert.equal(judged([...doubtful, ...later]).by?.table, 'u')
})

test('a queue may drop', () => {
  assert.equal(judged([base('ip', 't', 'c'), rule('ip', 't', 'c', { queue: { num: 0 } })]).verdict, 'unsure')
})

test('an extension of iptables that rejects drops', () => {
  const reject: Json = { xt: { type: 'target', name: 'REJECT' } }
  assert.equal(judged([base('ip', 't', 'c'), rule('ip', 't', 'c', dport(8080), reject)]).verdict, 'drop')
  const log: Json = { xt: { type: 'target', name: 'LOG' } }
  assert.equal(judged([base('ip', 't', 'c'), rule('ip', 't', 'c', log)]).verdict, 'pass')
})

test('a mark is unknown as soon as some rule gives marks', () => {
  const marked: Json = { match: { op: '==', left: { meta: { key: 'mark' } }, right: 1 } }
  const drops = [base('ip', 't', 'c'), rule('ip', 't', 'c', marked, { drop: null })]
  assert.equal(judged(drops).verdict, 'pass')
  const marks = rule('ip', 't', 'c', { mangle: { key: { meta: { key: 'mark' } }, value: 1 } })
  assert.equal(judged([...drops, marks]).verdict, 'unsure')
  assert.equal(judged([...drops, marks], { mark: 1 }).verdict, 'drop')
})

test('tables of other families do not see it, those of the bridge family when asked', () => {
  const drops = (family: string) => [base(family, 't', 'c'), rule(family, 't', 'c', { drop: null })]
  assert.equal(judged(drops('ip6')).verdict, 'pass')
  assert.equal(judged(drops('inet')).verdict, 'drop')
  assert.equal(judged(drops('bridge')).verdict, 'pass')
  assert.equal(judged(drops('bridge'), {}, ['bridge']).verdict, 'drop')
})

test('a translation ends the nat chain and is seen by the chains after it', () => {
  const objects = [
    base('ip', 'n', 'c', { type: 'nat', prio: -100 }),
    rule('ip', 'n', 'c', dport(8080), { dnat: { addr: '10.0.0.2', port: 80 } }),
    base('ip', 'f', 'c'),
    rule('ip', 'f', 'c', dport(80), { drop: null }),
  ]
  const { verdict, dnat } = judged(objects)
  assert.deepEqual([verdict, dnat], ['drop', { address: '10.0.0.2', port: 80 }])
  assert.equal(judged(objects, { state: 'established' }).dnat, undefined)
})

const PRINTED: [text: string, verdict: 'pass' | 'drop' | 'unsure', of?: Partial<Packet>][] = [
  ['ct state related,established counter packets 0 bytes 0 drop', 'pass'],
  ['ct state related,established counter packets 0 bytes 0 drop', 'drop', { state: 'established' }],
  ['meta l4proto tcp ip daddr 10.0.0.1 tcp dport { 80, 8000-8100 } counter packets 1 bytes 2 drop', 'drop'],
  ['ip daddr 10.0.0.0/8 tcp dport 80 drop', 'pass'],
  [
    'ip saddr != 10.0.0.0/8 ip daddr 10.0.0.1-10.0.0.9 counter packets 0 bytes 0 reject with icmp type host-prohibited',
    'drop',
  ],
  ['fib daddr type local counter packets 0 bytes 0 drop', 'drop'],
  ['iifname "eth*" oifname "lan0" drop', 'drop', { oif: 'lan0' }],
  ['tcp flags syn / fin,syn,rst,ack counter packets 0 bytes 0 drop', 'drop'],
  ['tcp dport 8080  counter packets 0 bytes 0 reject', 'drop'],
  ['limit rate 3/minute burst 10 packets counter packets 0 bytes 0 log prefix "[UFW drop] "', 'pass'],
  ['xt match "recent" counter packets 0 bytes 0 drop', 'unsure'],
  ['meta l4proto icmp icmp type echo-request drop', 'pass'],
]

for (const [printed, verdict, of] of PRINTED) {
  test(`printed: ${printed}`, () => {
    const judgement = judged([base('ip', 't', 'c'), text('t', 'c', printed)], of)
    assert.equal(judgement.verdict, verdict)
    if (verdict === 'drop') assert.doesNotMatch(judgement.by!.rule, /counter|handle/)
  })
}
