import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IpamPool } from '#model/network.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import type { StoredNetwork } from '../context.ts'
import { formatAddress, formatCidr, overlaps, parseAddress, parseCidr } from './address.ts'
import { AddressRange } from './bitmap.ts'
import { Ipam, gatewayOf } from './ipam.ts'
import { choosePool4, choosePool6 } from './pools.ts'
import { validateIpam } from './validate.ts'

const network = (...config: IpamPool[]): StoredNetwork => ({
  id: 'n1',
  name: 'net',
  created: '',
  driver: 'bridge',
  scope: 'local',
  enableIPv4: true,
  enableIPv6: true,
  internal: false,
  attachable: false,
  ingress: false,
  ipam: { Driver: 'default', Options: {}, Config: config },
  options: {},
  labels: {},
  builtin: false,
  bridgeName: 'br-n1',
  configuredSubnets: [],
})

const ipamOf = (...config: IpamPool[]) => {
  const store = new FakeStore()
  const ipam = new Ipam(store.repository('leases'))
  ipam.add(network(...config))
  return { ipam, store }
}

test('addresses go in and out in canonical form', () => {
  const same: [string, string][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['::', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['fe80::1:0:0:1', 'fe80::1:0:0:1'],
  ]
  for (const [text, canonical] of same) assert.equal(formatAddress(parseAddress(text)!), canonical)
  for (const bad of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':::',
    '1::2::3',
    'g::',
    '1:2:3:4:5:6:7:8:9',
    'fe80::1%eth0',
  ]) {
    assert.equal(parseAddress(bad), undefined, bad)
  }
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '::/129', '10.0.0.0/08']) {
    assert.equal(parseCidr(bad), undefined, bad)
  }
  assert.equal(formatCidr(parseCidr('172.18.5.6/16')!.cidr), '172.18.0.0/16')
  assert.ok(overlaps(parseCidr('10.0.0.0/8')!.cidr, parseCidr('10.9.0.0/16')!.cidr))
})

test('a released address rests until the range has been walked', () => {
  const range = new AddressRange(10n, 13n)
  assert.deepEqual([range.takeNext(), range.takeNext()], [10n, 11n])
  range.release(10n)
  assert.deepEqual([range.takeNext(), range.takeNext(), range.takeNext(), range.takeNext()], [12n, 13n, 10n, undefined])
})

test('a /16 fills up to its last address without a long search', () => {
  const { ipam } = ipamOf({ Subnet: '172.20.0.0/16', Gateway: '172.20.0.1' })
  const range = ipam.pool('n1', 4)!.range
  const free = range.size - range.used
  assert.equal(free, 65_533)
  for (let i = 0; i < free; i++) range.takeNext()
  assert.equal(range.takeNext(), undefined)
  range.release(parseAddress('172.20.200.7')!.value)
  const started = performance.now()
  assert.equal(range.takeNext(), parseAddress('172.20.200.7')!.value)
  assert.ok(performance.now() - started < 50)
  assert.throws(() => ipam.allocate('n1', 4, 'c'), /no available IPv4 addresses on this network's address pools: net/)
})

test('gateway, network, broadcast and auxiliary addresses are nobody’s; an ip range is kept to', () => {
  const { ipam } = ipamOf({
    Subnet: '10.1.0.0/29',
    IPRange: '10.1.0.4/30',
    Gateway: '10.1.0.1',
    AuxiliaryAddresses: { printer: '10.1.0.5' },
  })
  assert.deepEqual([ipam.allocate('n1', 4, 'a'), ipam.allocate('n1', 4, 'b')], ['10.1.0.4', '10.1.0.6'])
  assert.throws(() => ipam.allocate('n1', 4, 'c'), /no available/)
  assert.throws(
    () => ipam.reserve('n1', '10.1.0.5', 'c', true),
    /Address already in use: 10.1.0.5 is the auxiliary address printer/,
  )
  assert.throws(() => ipam.reserve('n1', '10.1.0.1', 'c', true), /is the gateway/)
  assert.equal(ipam.reserve('n1', '10.1.0.2', 'c', true), '10.1.0.2')
})

test('the gateway that is not given is the first address', () => {
  assert.equal(gatewayOf({ Subnet: '172.18.0.0/16' }), '172.18.0.1')
  assert.equal(gatewayOf({ Subnet: '172.18.0.0/16', IPRange: '172.18.5.0/24' }), '172.18.5.0')
  assert.equal(gatewayOf({ Subnet: 'fd00:1::/64' }), 'fd00:1::1')
})

test('a claimed address is kept while its owner is away, and passes on when the owner goes', () => {
  const { ipam, store } = ipamOf({ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' })
  ipam.claim('n1', '10.1.0.2', 'owner')
  ipam.claim('n1', '10.1.0.2', 'successor')
  assert.equal(ipam.allocate('n1', 4, 'other'), '10.1.0.3')
  assert.throws(
    () => ipam.reserve('n1', '10.1.0.2', 'successor', true),
    /Address already in use: 10.1.0.2 of network net belongs to container owner/,
  )
  ipam.release('n1', '10.1.0.2', 'owner')
  assert.equal(ipam.holder('n1', '10.1.0.2')?.containerId, 'owner', 'a stop does not give it up')
  ipam.unclaim('owner')
  assert.equal(ipam.holder('n1', '10.1.0.2')?.containerId, 'successor')
  ipam.unclaim('successor')
  assert.equal(ipam.holder('n1', '10.1.0.2'), undefined)
  assert.deepEqual(
    store
      .repository<{ address: string }>('leases')
      .list()
      .map(lease => lease.address),
    ['10.1.0.3'],
  )
})

test('a claim waits for a dynamic holder and gets the address after it', () => {
  const { ipam } = ipamOf({ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' })
  assert.equal(ipam.allocate('n1', 4, 'dynamic'), '10.1.0.2')
  ipam.claim('n1', '10.1.0.2', 'owner')
  ipam.release('n1', '10.1.0.2', 'dynamic')
  assert.equal(ipam.holder('n1', '10.1.0.2')?.containerId, 'owner')
})

test('leases outlive the process, those of the gone are dropped', () => {
  const { ipam, store } = ipamOf({ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' })
  ipam.allocate('n1', 4, 'lives')
  ipam.allocate('n1', 4, 'gone')
  const again = new Ipam(store.repository('leases'))
  again.add(network({ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' }))
  again.load(lease => lease.containerId === 'lives')
  assert.equal(again.allocate('n1', 4, 'new'), '10.1.0.3')
  assert.equal(again.holder('n1', '10.1.0.2')?.containerId, 'lives')
})

test('500 networks get disjoint pools, Docker’s own first, clear of the host’s routes', () => {
  const claims = [{ cidr: parseCidr('172.18.0.0/15')!.cidr, holder: 'route 172.18.0.0/15 via tun0' }]
  const started = performance.now()
  for (let i = 0; i < 500; i++) claims.push({ cidr: choosePool4(claims), holder: `network n${i}` })
  assert.ok(performance.now() - started < 500)
  assert.deepEqual(
    claims.slice(1, 4).map(claim => formatCidr(claim.cidr)),
    ['172.17.0.0/16', '172.20.0.0/16', '172.21.0.0/16'],
  )
  const sorted = claims.map(claim => claim.cidr).sort((a, b) => (a.base < b.base ? -1 : 1))
  for (let i = 1; i < sorted.length; i++) assert.ok(!overlaps(sorted[i - 1]!, sorted[i]!))
})

test('without a free pool the error names the route in the way', () => {
  const vpn = ['0.0.0.0/1', '128.0.0.0/1'].map(text => ({
    cidr: parseCidr(text)!.cidr,
    holder: `route ${text} via tun0`,
  }))
  assert.throws(() => choosePool4(vpn), /non-overlapping IPv4 address pool.*route 128.0.0.0\/1 via tun0/)
})

test('IPv6 pools are /64 of one unique local range', () => {
  const first = choosePool6([], 'aabbccddee')
  const second = choosePool6([{ cidr: first, holder: 'network a' }], 'aabbccddee')
  assert.deepEqual([first, second].map(formatCidr), ['fdaa:bbcc:ddee::/64', 'fdaa:bbcc:ddee:1::/64'])
})

test('bad IPAM requests get Docker’s words', () => {
  const cases: [IpamPool, RegExp][] = [
    [{ Subnet: '10.1.2.3/24' }, /^invalid network config:\ninvalid subnet 10.1.2.3\/24: it should be 10.1.2.0\/24$/],
    [{ Subnet: '10.1.2.0' }, /invalid subnet 10.1.2.0: invalid CIDR block notation/],
    [{ Subnet: '' }, /invalid subnet : invalid CIDR block notation/],
    [
      { Subnet: '10.1.2.0/24', Gateway: '10.1.3.1' },
      /invalid gateway 10.1.3.1: parent subnet 10.1.2.0\/24 doesn't contain this address/,
    ],
    [{ Subnet: '10.1.2.0/24', Gateway: 'fd00::1' }, /invalid gateway fd00::1: parent subnet is an IPv4 block/],
    [{ Subnet: '10.1.2.0/24', Gateway: 'x' }, /invalid gateway x: invalid address/],
    [
      { Subnet: '10.1.2.0/24', IPRange: '10.1.0.0/16' },
      /invalid ip-range 10.1.0.0\/16: CIDR block is bigger than its parent subnet 10.1.2.0\/24/,
    ],
    [{ Subnet: '10.1.2.0/24', IPRange: '10.1.3.0/25' }, /parent subnet 10.1.2.0\/24 doesn't contain ip-range/],
    [{ Subnet: '10.1.2.0/24', IPRange: '10.1.2.9/25' }, /invalid ip-range 10.1.2.9\/25: it should be 10.1.2.0\/25/],
    [{ Subnet: '10.1.2.0/24', AuxiliaryAddresses: { a: '10.9.0.1' } }, /invalid auxiliary address a: parent subnet/],
  ]
  for (const [pool, words] of cases) {
    assert.throws(
      () => validateIpam([pool], false),
      (error: Error) => words.test(error.message),
      JSON.stringify(pool),
    )
  }
  assert.throws(() => validateIpam([{ Subnet: '10.1.0.0/16' }, { Subnet: '10.1.2.0/24' }], false), /overlaps/)
  validateIpam([{ Subnet: '10.1.2.0/24', IPRange: '10.1.2.128/25', Gateway: '10.1.2.254' }], false)
})
