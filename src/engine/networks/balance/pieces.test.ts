import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressesIn, clientScript } from './client-table.ts'
import { checkBalancing, drainLimit, membershipOf, sharedNames } from './group.ts'
import { listens } from './join.ts'
import { spreadSlots } from './spread.ts'

const labels = (more: Record<string, string> = {}) => ({
  labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web', ...more },
  annotations: {},
})

test('Compose’s labels say whose replica a container is', () => {
  assert.deepEqual(membershipOf(labels()), { key: 'shop/web', service: 'web', mode: 'auto' })
  assert.equal(membershipOf(labels({ 'com.docker.compose.oneoff': 'True' })), undefined)
  assert.equal(membershipOf({ labels: { 'com.docker.compose.service': 'web' }, annotations: {} }), undefined)
  assert.equal(membershipOf(labels({ 'berth.endpoint_mode': 'dnsrr' }))?.mode, 'dnsrr')
  const annotated = { ...labels({ 'berth.endpoint_mode': 'dnsrr' }), annotations: { 'berth.endpoint_mode': 'vip' } }
  assert.equal(membershipOf(annotated)?.mode, 'vip')
})

test('settings that mean nothing are refused', () => {
  checkBalancing(labels({ 'berth.endpoint_mode': 'vip', 'berth.drain': '0.5' }))
  assert.throws(() => checkBalancing(labels({ 'berth.endpoint_mode': 'rr' })), /is "rr": it must be vip or dnsrr/)
  assert.throws(() => checkBalancing(labels({ 'berth.drain': '3s' })), /is "3s": it must be a number of seconds/)
  assert.equal(drainLimit(labels()), 3000)
  assert.equal(drainLimit(labels({ 'berth.drain': '0.5' })), 500)
})

test('a name is the group’s when every replica has it and none has it for its own', () => {
  const replica = (own: string, ...aliases: string[]) => ({ own: [own], aliases: [own, ...aliases] })
  assert.deepEqual(sharedNames([replica('a', 'web', 'site'), replica('b', 'Web')]), ['web'])
  assert.deepEqual(sharedNames([replica('a', 'web', 'b'), replica('b', 'web')]), ['web'])
  assert.deepEqual(sharedNames([replica('a', 'web')]), ['web'])
  assert.deepEqual(sharedNames([]), [])
})

test('slots are shared evenly, and no more of them move than must', () => {
  const count = (slots: readonly string[]) =>
    Object.fromEntries([...new Set(slots)].toSorted().map(one => [one, slots.filter(slot => slot === one).length]))
  const three = spreadSlots([], ['a', 'b', 'c'], 10)
  assert.deepEqual(count(three), { a: 4, b: 3, c: 3 })
  const two = spreadSlots(three, ['a', 'c'], 10)
  assert.deepEqual(count(two), { a: 5, c: 5 })
  assert.equal(two.filter((slot, index) => slot !== three[index]).length, 3)
  const four = spreadSlots(two, ['a', 'c', 'd', 'e'], 10)
  assert.ok(Object.values(count(four)).every(share => share === 2 || share === 3))
  assert.ok(four.every((slot, index) => slot === two[index] || slot === 'd' || slot === 'e'))
  assert.deepEqual(spreadSlots(four, ['c', 'a', 'e', 'd'], 10), four)
  assert.deepEqual(spreadSlots(four, [], 10), [])
  const hundred = count(
    spreadSlots(
      [],
      Array.from({ length: 100 }, (_, i) => `r${i}`),
      840,
    ),
  )
  assert.ok(Object.values(hundred).every(share => share === 8 || share === 9))
})

test('a client’s table: each address a chain of its own, one replica named without a look-up', () => {
  const two = { address: '10.0.0.9', targets: ['10.0.0.2', '10.0.0.3'] }
  assert.equal(
    clientScript([two], ['fd00::9'], false),
    `add chain inet berth-vip vip_10.0.0.9
flush chain inet berth-vip vip_10.0.0.9
add rule inet berth-vip vip_10.0.0.9 dnat ip to numgen random mod 2 map { 0 : 10.0.0.2, 1 : 10.0.0.3 }
add rule inet berth-vip vip_10.0.0.9 dnat ip to 10.0.0.2
add element inet berth-vip vips4 { 10.0.0.9 : jump vip_10.0.0.9 }
delete element inet berth-vip vips6 { fd00::9 }
flush chain inet berth-vip vip_fd00__9
delete chain inet berth-vip vip_fd00__9
`,
  )
  const one = clientScript([{ address: 'fd00::9', targets: ['fd00::2'] }], ['10.0.0.9'], true)
  assert.match(one, /^add table inet berth-vip\ndelete table inet berth-vip\n/)
  assert.match(one, /add rule inet berth-vip vip_fd00__9 dnat ip6 to fd00::2\n/)
  assert.doesNotMatch(one, /10\.0\.0\.9/)
  assert.doesNotMatch(clientScript([{ address: '10.0.0.9', targets: [] }], [], false), /dnat/)
  const listing = {
    nftables: [{ map: { name: 'vips4', elem: [['10.0.0.9', { jump: { target: 'x' } }]] } }, { chain: {} }],
  }
  assert.deepEqual(addressesIn(listing), ['10.0.0.9'])
})

test('a replica listens when it does so on what it exposes, or else on any TCP port', () => {
  const open = (protocol: 'tcp' | 'udp', port: number, loopback = false) => ({ protocol, port, loopback })
  const says = (...exposedPorts: string[]) => ({ exposedPorts, portBindings: {} })
  assert.ok(listens(says('80/tcp'), [open('tcp', 80)]))
  assert.ok(!listens(says('80/tcp'), [open('tcp', 81), open('udp', 80), open('tcp', 80, true)]))
  assert.ok(listens(says('8000-8010/udp'), [open('udp', 8005)]))
  assert.ok(listens({ exposedPorts: [], portBindings: { '80/tcp': [] } }, [open('tcp', 80)]))
  assert.ok(listens(says(), [open('tcp', 9)]))
  assert.ok(!listens(says(), [open('udp', 40_000)]))
})
