import assert from 'node:assert/strict'
import { test } from 'node:test'
import { egressNameMatches, parseEgress, parseEgressEntry } from './egress.ts'

const brief = (text: string) => {
  const { kind, host, prefix, wildcard, protocol, ports } = parseEgressEntry(text)
  const target = `${wildcard ? '*.' : ''}${host}${prefix === undefined ? '' : `/${prefix}`}`
  return [kind, target, ports ? `${ports.low}-${ports.high}` : '', protocol].join(' ').trim()
}

test('addresses, subnets, names, ports and protocols', () => {
  for (const [text, read] of [
    ['10.0.0.1', 'address 10.0.0.1'],
    ['10.0.0.0/8', 'address 10.0.0.0/8'],
    ['10.0.0.0/8:443/tcp', 'address 10.0.0.0/8 443-443 tcp'],
    ['10.0.0.1/udp', 'address 10.0.0.1  udp'],
    ['fd00::1', 'address fd00::1'],
    ['fd00::/8', 'address fd00::/8'],
    ['[FD00::1]:8000-8010', 'address fd00::1 8000-8010'],
    ['[fd00::]/8:53/udp', 'address fd00::/8 53-53 udp'],
    ['[fd00::/8]:53', 'address fd00::/8 53-53'],
    ['API.Example.com.:443', 'name api.example.com 443-443'],
    ['*.example.com', 'name *.example.com'],
    [':53/udp', 'any  53-53 udp'],
    ['*:80', 'any  80-80'],
    ['*', 'any'],
  ] as const) {
    assert.equal(brief(text), read, text)
  }
})

test('what cannot be is refused, and why', () => {
  for (const [text, why] of [
    ['10.0.0.256', /no address/],
    ['1.2.3', /no address/],
    ['10.0.0.0/33', /0 to 32 bits/],
    ['fd00::/129', /0 to 128 bits/],
    ['example.com/24', /a subnet is ADDRESS/],
    ['example.com:0', /a port is 1 to 65535/],
    ['example.com:90-80', /a port is 1 to 65535/],
    ['example.com:http', /a port is 1 to 65535/],
    ['*.*.com', /no name/],
    ['exa mple.com', /no name/],
    ['fd00::1:zz', /no address/],
    ['/tcp', /names nothing/],
  ] as const) {
    assert.throws(() => parseEgressEntry(text), why, text)
  }
  assert.throws(() => parseEgress('10.0.0.0/8'), /must begin with "allow="/)
  assert.throws(() => parseEgress(`allow=${Array(257).fill('10.0.0.1').join(',')}`), /257 entries/)
})

test('an empty policy allows nothing; blanks and empty entries do not count', () => {
  assert.deepEqual(parseEgress('allow='), [])
  assert.deepEqual(
    parseEgress('allow= a.example , ,10.0.0.1').map(entry => entry.text),
    ['a.example', '10.0.0.1'],
  )
})

test('a wildcard is for names below it', () => {
  const wild = parseEgressEntry('*.example.com')
  assert.ok(egressNameMatches(wild, 'a.b.example.com'))
  assert.ok(!egressNameMatches(wild, 'example.com'))
  assert.ok(!egressNameMatches(wild, 'badexample.com'))
  assert.ok(egressNameMatches(parseEgressEntry('example.com'), 'example.com'))
  assert.ok(!egressNameMatches(parseEgressEntry('10.0.0.1'), '10.0.0.1'))
})
