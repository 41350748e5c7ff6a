import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'dns-packet'
import type { DecodedPacket } from 'dns-packet'
import { readQuery } from '#codec/dns/query.ts'
import { systemClock } from '#lib/clock.ts'
import { FakeDnsSockets } from '#ports/testing/fake-resolver.ts'
import { answerer } from './answer.ts'
import type { DnsView } from './answer.ts'
import { Forwarder } from './forwarder.ts'
import { Zone } from './zone.ts'
import type { ZoneMember } from './zone.ts'

type Parsed = DecodedPacket & { rcode: string }
type Type = 'A' | 'AAAA' | 'PTR' | 'MX'

const ask = (name: string, type: Type = 'A', id = 7, edns = 0): Buffer =>
  encode({
    type: 'query',
    id,
    flags: 0x100,
    questions: [{ type, name }],
    ...(edns && {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: edns,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
  })

const member = (id: string, names: string[], ipv4: string, ipv6 = ''): ZoneMember => ({
  containerId: id,
  name: names[0]!,
  names,
  ipv4,
  ipv6,
  healthy: true,
})

function sandbox(view: Partial<DnsView> = {}) {
  const zone = new Zone('front')
  const handler = answerer({
    zones: () => [zone],
    links: new Map(),
    owns: address => address.startsWith('172.18.'),
    leadsOutside: () => false,
    forward: async () => assert.fail('asked upstream'),
    random: () => 0,
    ...view,
  })
  const query = async (message: Buffer, transport: 'udp' | 'tcp' = 'udp') => {
    const answer = await handler(message, { sandbox: 's', transport })
    assert.ok(answer)
    const parsed = decode(answer) as Parsed
    return {
      parsed,
      rcode: parsed.rcode,
      data: (parsed.answers ?? []).map(one => ('data' in one ? one.data : undefined)),
    }
  }
  return { zone, query, handler }
}

test('names, aliases and short ids answer, whatever their case; each address once', async () => {
  const { zone, query } = sandbox()
  zone.put(member('c1', ['web', 'www', '0123456789ab'], '172.18.0.2'))
  zone.put(member('c2', ['web2', 'www'], '172.18.0.3'))
  for (const name of ['web', 'WEB', '0123456789ab', 'web.front', 'Web.Front']) {
    assert.deepEqual((await query(ask(name))).data, ['172.18.0.2'], name)
  }
  assert.deepEqual((await query(ask('www'))).data, ['172.18.0.2', '172.18.0.3'])
})

test('a name without an address of that kind is an empty NOERROR, an unknown one is not', async () => {
  const { zone, query } = sandbox()
  zone.put(member('c1', ['web'], '172.18.0.2'))
  zone.put(member('c2', ['six'], '', 'fd00::2'))
  for (const type of ['AAAA', 'MX'] as const) {
    const { rcode, data } = await query(ask('web', type))
    assert.deepEqual([rcode, data], ['NOERROR', []])
  }
  assert.deepEqual((await query(ask('six', 'AAAA'))).data, ['fd00::2'])
  assert.equal((await query(ask('nobody'))).rcode, 'NXDOMAIN')
})

test('on internal networks only, outside names fail at once', async () => {
  const { query } = sandbox()
  assert.equal((await query(ask('example.org'))).rcode, 'SERVFAIL')
})

test('reverse lookups name the container and its network; our own subnets are never asked outside', async () => {
  const { zone, query } = sandbox({ leadsOutside: () => true })
  zone.put(member('c1', ['web', 'www'], '172.18.0.2', 'fd00::2'))
  assert.deepEqual((await query(ask('2.0.18.172.in-addr.arpa', 'PTR'))).data, ['web.front'])
  assert.deepEqual((await query(ask(`2${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`, 'PTR'))).data, ['web.front'])
  assert.equal((await query(ask('9.0.18.172.in-addr.arpa', 'PTR'))).rcode, 'NXDOMAIN')
})

test('replicas take turns; an unhealthy one steps back while another can serve', async () => {
  let turn = 0
  const { zone, query } = sandbox({ random: () => turn })
  zone.put(member('a', ['a', 'api'], '172.18.0.2'))
  zone.put(member('b', ['b', 'api'], '172.18.0.3'))
  assert.deepEqual((await query(ask('api'))).data, ['172.18.0.2', '172.18.0.3'])
  turn = 0.6
  assert.deepEqual((await query(ask('api'))).data, ['172.18.0.3', '172.18.0.2'])
  zone.setHealthy('a', false)
  assert.deepEqual((await query(ask('api'))).data, ['172.18.0.3'])
  assert.deepEqual((await query(ask('a'))).data, ['172.18.0.2'])
  zone.setHealthy('b', false)
  assert.equal((await query(ask('api'))).data.length, 2)
  zone.remove('b')
  zone.setHealthy('a', true)
  assert.deepEqual((await query(ask('api'))).data, ['172.18.0.2'])
})

test('a rename takes the old name away', async () => {
  const { zone, query } = sandbox()
  zone.put(member('c1', ['old'], '172.18.0.2'))
  await query(ask('old'))
  zone.put(member('c1', ['new'], '172.18.0.2'))
  assert.equal((await query(ask('old'))).rcode, 'NXDOMAIN')
  assert.deepEqual((await query(ask('new'))).data, ['172.18.0.2'])
})

test('links are private names that go first', async () => {
  const { zone, query } = sandbox({ links: new Map([['db', 'postgres']]) })
  zone.put(member('c1', ['postgres'], '172.18.0.2'))
  zone.put(member('c2', ['db'], '172.18.0.3'))
  assert.deepEqual((await query(ask('db'))).data, ['172.18.0.2'])
})

test('many replicas: cut over UDP, more with EDNS, whole over TCP', async () => {
  const { zone, query } = sandbox()
  for (let i = 1; i <= 200; i++) zone.put(member(`c${i}`, [`c${i}`, 'svc'], `172.18.1.${i}`))
  const plain = await query(ask('svc'))
  assert.equal(plain.parsed.flag_tc, true)
  const edns = await query(ask('svc', 'A', 7, 4096))
  assert.deepEqual([edns.parsed.flag_tc, edns.data.length], [false, 200])
  assert.equal((await query(ask('svc'), 'tcp')).data.length, 200)
})

test('malformed and odd queries are answered as such, responses not at all', async () => {
  const { handler, query } = sandbox()
  assert.equal((await query(Buffer.alloc(12))).rcode, 'FORMERR')
  const notify = ask('web')
  notify[2] = 0x20
  assert.equal((await query(notify)).rcode, 'NOTIMP')
  const response = ask('web')
  response[2] = 0x80
  assert.equal(await handler(response, { sandbox: 's', transport: 'udp' }), undefined)
})

test('local names take microseconds', async () => {
  const { zone, handler } = sandbox()
  for (let i = 1; i <= 100; i++) zone.put(member(`c${i}`, [`c${i}`], `172.18.0.${i}`))
  const messages = Array.from({ length: 100 }, (_, i) => ask(`c${i + 1}`))
  const started = performance.now()
  for (let i = 0; i < 20_000; i++) await handler(messages[i % 100]!, { sandbox: 's', transport: 'udp' })
  const perSecond = 20_000 / ((performance.now() - started) / 1000)
  assert.ok(perSecond > 40_000, `${Math.round(perSecond)} queries a second`)
})

const upstreamAnswer = (query: Buffer, data: string, options: { rcode?: number; tc?: boolean; ttl?: number } = {}) => {
  const parsed = decode(query)
  return encode({
    type: 'response',
    id: parsed.id ?? 0,
    flags: 0x180 | (options.rcode ?? 0) | (options.tc ? 0x200 : 0),
    questions: parsed.questions ?? [],
    answers:
      options.rcode || options.tc
        ? []
        : [{ type: 'A', name: parsed.questions![0]!.name, ttl: options.ttl ?? 60, data }],
  })
}

function forwarding(servers: string[], sandboxPath?: string) {
  const sockets = new FakeDnsSockets()
  const time = { now: 1_000_000 }
  const clock = { ...systemClock(), now: () => time.now }
  const forwarder = new Forwarder(sockets, clock, () => servers, sandboxPath)
  const query = async (message: Buffer, transport: 'udp' | 'tcp' = 'udp') => {
    const parsed = readQuery(message)
    assert.ok(parsed && parsed !== 'malformed')
    return decode(await forwarder.forward(message, parsed, transport)) as Parsed
  }
  return { sockets, time, query }
}

test('a dead server is passed over, then asked last; NXDOMAIN stays NXDOMAIN', async () => {
  const { sockets, query } = forwarding(['192.0.2.1', '192.0.2.2'])
  sockets.upstreams.set('192.0.2.2', message => upstreamAnswer(message, '', { rcode: 3 }))
  assert.equal((await query(ask('nope.example'))).rcode, 'NXDOMAIN')
  assert.equal((await query(ask('nope2.example'))).rcode, 'NXDOMAIN')
  assert.deepEqual(
    sockets.asked.map(one => one.server),
    ['192.0.2.1', '192.0.2.2', '192.0.2.2'],
  )
})

test('SERVFAIL of one server is not the last word; of all it is', async () => {
  const { sockets, query } = forwarding(['192.0.2.1', '192.0.2.2'])
  sockets.upstreams.set('192.0.2.1', message => upstreamAnswer(message, '', { rcode: 2 }))
  sockets.upstreams.set('192.0.2.2', message => upstreamAnswer(message, '198.51.100.1'))
  assert.equal((await query(ask('a.example'))).rcode, 'NOERROR')
  sockets.upstreams.delete('192.0.2.2')
  assert.equal((await query(ask('b.example'))).rcode, 'SERVFAIL')
  sockets.upstreams.clear()
  assert.equal((await query(ask('c.example'))).rcode, 'SERVFAIL')
})

test('what UDP cuts short is fetched by TCP, and cut again for an asker over UDP', async () => {
  const { sockets, query } = forwarding(['192.0.2.1'], '/ns')
  sockets.upstreams.set('192.0.2.1', (message, { tcp }) => {
    if (!tcp) return upstreamAnswer(message, '', { tc: true })
    const parsed = decode(message)
    const name = parsed.questions![0]!.name
    return encode({
      type: 'response',
      id: parsed.id ?? 0,
      questions: parsed.questions ?? [],
      answers: Array.from({ length: 100 }, (_, i) => ({ type: 'A' as const, name, ttl: 60, data: `198.51.100.${i}` })),
    })
  })
  assert.equal((await query(ask('big.example'))).flag_tc, true)
  assert.equal((await query(ask('big.example'), 'tcp')).answers?.length, 100)
  assert.deepEqual(
    sockets.asked.map(one => [one.tcp, one.sandbox]),
    [
      [false, '/ns'],
      [true, '/ns'],
    ],
    'the second came from the cache',
  )
})

test('the cache ages TTLs, keeps each asker’s id and case, and lets go in time', async () => {
  const { sockets, query, time } = forwarding(['192.0.2.1'])
  sockets.upstreams.set('192.0.2.1', message => upstreamAnswer(message, '198.51.100.1'))
  await query(ask('www.example', 'A', 1))
  time.now += 20_000
  const second = await query(ask('WWW.Example', 'A', 2))
  assert.deepEqual(
    [second.id, second.questions?.[0]?.name, second.answers?.map(answer => 'ttl' in answer && answer.ttl)],
    [2, 'WWW.Example', [40]],
  )
  assert.equal(sockets.asked.length, 1)
  time.now += 41_000
  await query(ask('www.example'))
  assert.equal(sockets.asked.length, 2)
})

test('one question asked many times at once goes out once', async () => {
  const { sockets, query } = forwarding(['192.0.2.1'])
  sockets.upstreams.set('192.0.2.1', async message => {
    await new Promise(resolve => setTimeout(resolve, 5))
    return upstreamAnswer(message, '198.51.100.1', { ttl: 0 })
  })
  const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => query(ask('x.example', 'A', i))))
  assert.deepEqual(
    ids.map(answer => answer.id),
    Array.from({ length: 20 }, (_, i) => i),
  )
  assert.equal(sockets.asked.length, 1)
})

test('an answer to another question is no answer', async () => {
  const { sockets, query } = forwarding(['192.0.2.1'])
  sockets.upstreams.set('192.0.2.1', () => upstreamAnswer(ask('evil.example', 'A', 7), '198.51.100.66'))
  assert.equal((await query(ask('good.example'))).rcode, 'SERVFAIL')
})

test('a name that two projects share means the own one; who has no project gets both', async () => {
  const zone = new Zone('shared')
  zone.put({ ...member('a', ['db'], '172.18.0.2'), project: 'a' })
  zone.put({ ...member('b', ['db'], '172.18.0.3'), project: 'b' })
  const ask4 = (project?: string) => zone.lookup('db', project)!.v4.map(record => [...record.subarray(-4)].join('.'))
  assert.deepEqual(ask4('a'), ['172.18.0.2'])
  assert.deepEqual(ask4('b'), ['172.18.0.3'])
  assert.deepEqual(ask4('c'), ['172.18.0.2', '172.18.0.3'])
  assert.deepEqual(ask4(), ['172.18.0.2', '172.18.0.3'])
  zone.setHealthy('a', false)
  assert.deepEqual(ask4('a'), ['172.18.0.2'])
  zone.remove('a')
  assert.deepEqual(ask4('a'), ['172.18.0.3'])
})

test('an EDNS version from the future is answered BADVERS', async () => {
  const handler = answerer({
    zones: () => [],
    links: new Map(),
    owns: () => false,
    leadsOutside: () => true,
    forward: async () => assert.fail('asked upstream'),
    random: () => 0,
  })
  const message = ask('web', 'A', 7, 1232)
  message[message.length - 5] = 1
  const answer = await handler(message, { sandbox: 's', transport: 'udp' })
  assert.ok(answer)
  // 16 is the response code's upper part, in the OPT record, and 0 in the header.
  assert.deepEqual([answer[3]! & 15, answer[answer.length - 6], answer[answer.length - 5]], [0, 1, 0])
})

test('the own project’s service goes before a foreign one on a network that comes first', () => {
  const [shared, own] = [new Zone('shared'), new Zone('own')]
  shared.put({ ...member('b', ['db'], '172.18.0.3'), project: 'b' })
  own.put({ ...member('a', ['db'], '172.19.0.2'), project: 'a' })
  const asked = (project: string) => {
    const handler = answerer({
      zones: () => [shared, own],
      links: new Map(),
      owns: () => false,
      leadsOutside: () => false,
      forward: () => Promise.reject(new Error('not asked')),
      random: () => 0,
      project,
    })
    const answer = handler(ask('db'), { sandbox: 's', transport: 'udp' })
    return [...(answer as Buffer).subarray(-4)].join('.')
  }
  assert.equal(asked('a'), '172.19.0.2')
  assert.equal(asked('b'), '172.18.0.3')
})
