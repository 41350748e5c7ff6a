import assert from 'node:assert/strict'
import { test } from 'node:test'
import { egressNameMatches, parseEgress } from '#model/egress.ts'
import { formatCidr, parseAddress } from '../ipam/address.ts'
import { fixedParts, spaceAt } from './parts.ts'
import { difference, EVERYTHING, intersection, portSpace, slices, union } from './space.ts'
import type { Space } from './space.ts'

const policy = (text: string) => ({ of: 'container', text, entries: parseEgress(text) })
const text = (space: Space) => slices(space).map(({ protocol, ports }) => `${protocol}:${ports}`)
const parts = (family: 4 | 6, ...policies: string[]) =>
  fixedParts(policies.map(policy), family).map(({ cidr, space }) => `${formatCidr(cidr)} ${text(space).join(' ')}`)

test('spaces: union, intersection, difference', () => {
  const web = portSpace('tcp', { low: 80, high: 90 })
  assert.deepEqual(text(web), ['tcp:80-90'])
  assert.deepEqual(text(portSpace('', { low: 53, high: 53 })), ['tcp:53', 'udp:53'])
  assert.deepEqual(text(EVERYTHING), ['0-255:0-65535'])
  assert.deepEqual(text(difference(web, portSpace('', { low: 85, high: 85 }))), ['tcp:80-84', 'tcp:86-90'])
  assert.deepEqual(text(intersection(EVERYTHING, web)), ['tcp:80-90'])
  assert.deepEqual(text(union([...portSpace('tcp'), ...portSpace('udp')])), ['tcp:0-65535', 'udp:0-65535'])
  assert.deepEqual(text(difference(EVERYTHING, portSpace('tcp'))), [
    ...['udp:0-65535', '0-5:0-65535', '7-16:0-65535', '18-255:0-65535'],
  ])
})

test('parts of one policy never overlap: the kernel would refuse them', () => {
  assert.deepEqual(parts(4, 'allow=10.0.0.0/8,10.1.0.0/16,10.1.1.1:80'), ['10.0.0.0/8 0-255:0-65535'])
  assert.deepEqual(parts(4, 'allow=10.0.0.0/8:443/tcp,10.1.0.0/16:440-450/tcp'), [
    ...['10.0.0.0/8 tcp:443', '10.1.0.0/16 tcp:440-442 tcp:444-450'],
  ])
  assert.deepEqual(parts(4, 'allow=:53/udp,fd00::1,api.example.com'), ['0.0.0.0/0 udp:53'])
  assert.deepEqual(parts(6, 'allow=:53/udp,fd00::1/tcp'), ['::/0 udp:53', 'fd00::1/128 tcp:0-65535'])
})

test('two policies: what both allow', () => {
  assert.deepEqual(parts(4, 'allow=10.0.0.0/8:80-90/tcp', 'allow=10.2.0.0/16,:85'), [
    ...['10.0.0.0/8 tcp:85', '10.2.0.0/16 tcp:80-84 tcp:86-90'],
  ])
  assert.deepEqual(parts(4, 'allow=10.0.0.0/8', 'allow='), [])
})

test('an address that a name stands for: what its entries allow in every policy, without what is allowed anyway', () => {
  const at = (name: string, ...texts: string[]) => {
    const policies = texts.map(policy)
    const address = parseAddress('10.9.0.1')!
    return text(spaceAt(policies, fixedParts(policies, 4), address, entry => egressNameMatches(entry, name)))
  }
  assert.deepEqual(at('a.example', 'allow=a.example:443/tcp'), ['tcp:443'])
  assert.deepEqual(at('b.example', 'allow=a.example:443/tcp'), [])
  assert.deepEqual(at('a.example', 'allow=a.example:443-444/tcp,10.9.0.0/16:443/tcp'), ['tcp:444'])
  assert.deepEqual(at('a.example', 'allow=a.example', 'allow=10.9.0.0/16:80/tcp'), ['tcp:80'])
  assert.deepEqual(at('a.example', 'allow=a.example', 'allow=other.example'), [])
})
