import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broadcastOf, formatIp, formatMac, networkOf, parseCidr, parseIp, parseMac } from './ip.ts'

for (const [given, expected] of [
  ['10.0.0.1', '10.0.0.1'],
  ['::', '::'],
  ['::1', '::1'],
  ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
  ['FD00:1::', 'fd00:1::'],
  ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:2:3:4:5:6:0:8', '1:2:3:4:5:6:0:8'],
  ['::ffff:10.1.2.3', '::ffff:a01:203'],
] as const) {
  test(`${given} is read and written as ${expected}`, () => assert.equal(formatIp(parseIp(given)), expected))
}

for (const bad of [
  '',
  '10.0.0',
  '10.0.0.256',
  '10.0.0.1.2',
  '1::2::3',
  '1:2:3',
  '12345::',
  'g::',
  '1:2:3:4:5:6:7::8',
]) {
  test(`"${bad}" is not an address`, () => assert.throws(() => parseIp(bad), { message: /is not an IP address/ }))
}

test('networks and broadcast addresses', () => {
  const cidr = parseCidr('172.18.37.5/20')
  assert.equal(formatIp(networkOf(cidr)), '172.18.32.0')
  assert.equal(formatIp(broadcastOf(cidr)), '172.18.47.255')
  assert.equal(formatIp(networkOf(parseCidr('fd00:1234::5/31'))), 'fd00:1234::')
  assert.equal(parseCidr('10.0.0.1').prefix, 32)
  for (const bad of ['10.0.0.1/33', '10.0.0.1/', '10.0.0.1/x', '::/129']) assert.throws(() => parseCidr(bad))
})

test('MAC addresses', () => {
  assert.equal(formatMac(parseMac('02:42:AC:11:00:02')), '02:42:ac:11:00:02')
  assert.throws(() => parseMac('02:42:ac:11:00'), { message: /is not a MAC address/ })
})
