import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'dns-packet'
import type { DecodedPacket } from 'dns-packet'
import { answers, readAnswer, revive, truncate } from './message.ts'
import { RCODE, readQuery } from './query.ts'
import type { Query } from './query.ts'
import { malformedReply, record, reply } from './reply.ts'
import { addressOfReverse } from './reverse.ts'

const ask = (name: string, options: { type?: 'A' | 'AAAA'; edns?: number; id?: number } = {}): Buffer =>
  encode({
    type: 'query',
    id: options.id ?? 4711,
    flags: 0x100,
    questions: [{ type: options.type ?? 'A', name, class: 'IN' }],
    ...(options.edns && {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: options.edns,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
  })

const read = (message: Buffer): Query => {
  const query = readQuery(message)
  assert.ok(query !== undefined && query !== 'malformed')
  return query
}

test('a query is read: name in lower case, type, EDNS size within bounds', () => {
  const query = read(ask('WeB.Example', { type: 'AAAA', edns: 1232 }))
  assert.deepEqual(
    {
      name: query.name,
      type: query.type,
      id: query.id,
      size: query.udpSize,
      edns: query.edns,
      rd: query.recursionDesired,
    },
    { name: 'web.example', type: 28, id: 4711, size: 1232, edns: true, rd: true },
  )
  assert.equal(read(ask('a')).udpSize, 512)
  assert.equal(read(ask('a', { edns: 100 })).udpSize, 512)
  assert.equal(read(ask('a', { edns: 65_000 })).udpSize, 4096)
})

test('garbage is refused at every length, and a response is not a query', () => {
  const whole = ask('some.name.example', { edns: 4096 })
  for (let length = 0; length < whole.length; length++) readQuery(whole.subarray(0, length))
  assert.equal(readQuery(Buffer.alloc(5)), undefined)
  assert.equal(readQuery(Buffer.alloc(12)), 'malformed')
  const response = Buffer.from(whole)
  response[2] = response[2]! | 0x80
  assert.equal(readQuery(response), undefined)
  assert.equal(decode(malformedReply(whole, RCODE.formErr)).id, 4711)
})

test('a reply keeps id and the case of the question, and any parser reads it', () => {
  const message = ask('WeB', { edns: 1232 })
  const records = [record('A', '10.1.2.3', 600), record('A', '10.1.2.4', 600)]
  const buffer = reply(message, read(message), { rcode: 0, answers: records, rotate: 1, limit: 1232 })
  const parsed = decode(buffer) as DecodedPacket & { rcode: string }
  assert.equal(parsed.id, 4711)
  assert.equal(parsed.questions?.[0]?.name, 'WeB')
  assert.deepEqual(
    parsed.answers?.map(answer => [
      answer.type,
      answer.name,
      'data' in answer && answer.data,
      'ttl' in answer && answer.ttl,
    ]),
    [
      ['A', 'WeB', '10.1.2.4', 600],
      ['A', 'WeB', '10.1.2.3', 600],
    ],
  )
  assert.equal(parsed.additionals?.[0]?.type, 'OPT')
  assert.equal(parsed.rcode, 'NOERROR')
})

test('IPv6 and pointer records', () => {
  const message = ask('x')
  const both = [record('AAAA', 'fd00::5', 1), record('PTR', 'web.front', 1)]
  const parsed = decode(reply(message, read(message), { rcode: 0, answers: both, limit: 512 }))
  assert.deepEqual(
    parsed.answers?.map(answer => 'data' in answer && answer.data),
    ['fd00::5', 'web.front'],
  )
})

test('answers that do not fit are left out and TC says so; never over the limit', () => {
  const message = ask('many')
  const records = Array.from({ length: 100 }, (_, i) => record('A', `10.0.0.${i + 1}`, 600))
  const cut = reply(message, read(message), { rcode: 0, answers: records, rotate: 70, limit: 512 })
  assert.ok(cut.length <= 512 && cut.length > 480)
  const parsed = decode(cut)
  assert.equal(parsed.flag_tc, true)
  assert.equal(parsed.answers?.length, Math.floor((512 - read(message).end) / 16))
  const whole = decode(reply(message, read(message), { rcode: 0, answers: records, limit: 65_535 }))
  assert.equal(whole.answers?.length, 100)
  assert.equal(whole.flag_tc, false)
})

test('an upstream answer: matched, aged, given another id and case, cut', () => {
  const message = ask('Example.ORG')
  const upstream = encode({
    type: 'response',
    id: 4711,
    questions: [{ type: 'A', name: 'example.org' }],
    answers: [
      { type: 'CNAME', name: 'example.org', ttl: 300, data: 'a.example.org' },
      { type: 'A', name: 'a.example.org', ttl: 60, data: '192.0.2.1' },
    ],
  })
  assert.equal(answers(message, read(message), upstream), true)
  assert.equal(answers(ask('other.org'), read(ask('other.org')), upstream), false)
  assert.equal(answers(ask('example.org', { id: 1 }), read(ask('example.org', { id: 1 })), upstream), false)
  const info = readAnswer(upstream)!
  assert.deepEqual(
    { minTtl: info.minTtl, answers: info.answers, rcode: info.rcode },
    { minTtl: 60, answers: 2, rcode: 0 },
  )
  const again = ask('EXAMPLE.org', { id: 99 })
  const revived = decode(revive(upstream, info.ttlOffsets, 20, again, read(again)))
  assert.equal(revived.id, 99)
  assert.equal(revived.questions?.[0]?.name, 'EXAMPLE.org')
  assert.deepEqual(
    revived.answers?.map(answer => 'ttl' in answer && answer.ttl),
    [280, 40],
  )
  const cut = decode(truncate(upstream, read(message)))
  assert.equal(cut.flag_tc, true)
  assert.equal(cut.answers?.length, 0)
  for (let length = 0; length < upstream.length; length++) readAnswer(upstream.subarray(0, length))
  assert.equal(readAnswer(upstream.subarray(0, upstream.length - 1)), undefined)
})

test('reverse names', () => {
  assert.equal(addressOfReverse('5.0.18.172.in-addr.arpa'), '172.18.0.5')
  assert.equal(addressOfReverse('18.172.in-addr.arpa'), undefined)
  const nibbles = `5${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`
  assert.equal(addressOfReverse(nibbles), 'fd00:0000:0000:0000:0000:0000:0000:0005')
  assert.equal(addressOfReverse('example.org'), undefined)
})

test('a negative answer holds as long as the last field of its SOA says', () => {
  const data = { mname: 'ns.test', rname: 'me.test', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 9 }
  const message = encode({
    type: 'response',
    questions: [{ type: 'A', name: 'none.test' }],
    authorities: [{ type: 'SOA', name: 'test', ttl: 3600, data }],
  })
  assert.equal(readAnswer(message)?.minTtl, 9)
})
