import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addAddress, decodeAddress } from './address.ts'
import { announceFrame } from './announce.ts'
import { type Attribute, decodeAttributes, encodeAttributes, text, u32 } from './attributes.ts'
import { decodeFlow, deleteFlow } from './conntrack.ts'
import { appendFdb, decodeFdb } from './fdb.ts'
import { parseCidr, parseIp } from './ip.ts'
import { changeLink, createVethPair, decodeLink } from './link.ts'
import { decodeLinkStats } from './link-stats.ts'
import { decodeNeighbour, replaceNeighbour } from './neighbour.ts'
import { decodeRoute, replaceRoute } from './route.ts'

test('a new pair names its peer and the namespace to make it in', () => {
  const { payload, about } = createVethPair(
    'veth1',
    { up: true, master: 7 },
    { name: 'eth0', mac: '02:42:ac:11:00:02', mtu: 1400, namespaceFd: 33 },
  )
  assert.equal(about, 'create veth veth1')
  const bytes = Buffer.from(payload)
  assert.equal(bytes.readUInt32LE(8), 1) // IFF_UP
  const attributes = decodeAttributes(bytes.subarray(16))
  assert.equal(attributes.get(10)?.readUInt32LE(0), 7)
  const info = decodeAttributes(attributes.get(18) ?? Buffer.alloc(0))
  const data = decodeAttributes(info.get(2) ?? Buffer.alloc(0))
  const peer = decodeAttributes((data.get(1) ?? Buffer.alloc(16)).subarray(16))
  assert.equal(peer.get(28)?.readUInt32LE(0), 33)
  assert.equal(peer.get(1)?.toString('hex'), '0242ac110002')
  assert.equal(peer.get(4)?.readUInt32LE(0), 1400)
})

test('a link message', () => {
  const attributes: Attribute[] = [
    [3, text('br0')],
    [1, Uint8Array.of(2, 0, 0, 0, 0, 9)],
    [4, u32(1450)],
    [16, Uint8Array.of(6)],
    [18, [[1, text('bridge')]]],
    [20, text('berth:abc')],
  ]
  const header = Buffer.alloc(16)
  header.writeInt32LE(12, 4)
  header.writeUInt32LE(1, 8)
  const { stats, ...link } = decodeLink(Buffer.concat([header, encodeAttributes(attributes)]))
  assert.equal(stats, undefined)
  assert.deepEqual(link, {
    index: 12,
    name: 'br0',
    kind: 'bridge',
    mac: '02:00:00:00:00:09',
    mtu: 1450,
    up: true,
    operState: 'up',
    master: 0,
    alias: 'berth:abc',
  })
})

test('a change that says nothing of up or down leaves the flags alone', () => {
  const bytes = Buffer.from(changeLink(5, { mtu: 9000 }).payload)
  assert.equal(bytes.readUInt32LE(12), 0)
  assert.equal(bytes.readInt32LE(4), 5)
})

test('counters', () => {
  const bytes = Buffer.alloc(200)
  for (let index = 0; index < 8; index++) bytes.writeBigUInt64LE(BigInt(index + 1), index * 8)
  assert.deepEqual(decodeLinkStats(bytes), {
    rxPackets: 1,
    txPackets: 2,
    rxBytes: 3,
    txBytes: 4,
    rxErrors: 5,
    txErrors: 6,
    rxDropped: 7,
    txDropped: 8,
  })
  assert.equal(decodeLinkStats(undefined).rxBytes, 0)
})

test('an address goes out and comes back', () => {
  const payload = Buffer.from(addAddress(9, parseCidr('10.1.2.3/24')).payload)
  assert.deepEqual(decodeAddress(payload), { link: 9, address: '10.1.2.3/24', scope: 'global' })
  const v6 = decodeAttributes(Buffer.from(addAddress(9, parseCidr('fd00::1/64')).payload).subarray(8))
  assert.equal(v6.get(8)?.readUInt32LE(0), 2) // no duplicate address detection
})

test('a route goes out and comes back; its destination is the network', () => {
  const route = { family: 4, link: 3, gateway: parseIp('10.0.0.1'), scope: 'global', metric: 20 } as const
  const sent = replaceRoute({ ...route, destination: parseCidr('10.9.8.7/16') })
  assert.deepEqual(decodeRoute(Buffer.from(sent.payload)), {
    family: 4,
    destination: '10.9.0.0/16',
    link: 3,
    gateway: '10.0.0.1',
    metric: 20,
  })
  const fallback = replaceRoute({ ...route, destination: undefined })
  assert.equal(decodeRoute(Buffer.from(fallback.payload))?.destination, 'default')
  assert.equal(fallback.about, 'add route default')
})

test('a flow, and the request that deletes it by the very same tuple', () => {
  const be = (value: number) => Uint8Array.of(value >> 8, value & 255)
  const tuple = (from: string, to: string, ports: [number, number]): Attribute[] => [
    [
      1,
      [
        [1, parseIp(from)],
        [2, parseIp(to)],
      ],
    ],
    [
      2,
      [
        [1, Uint8Array.of(17)],
        [2, be(ports[0])],
        [3, be(ports[1])],
      ],
    ],
  ]
  const attributes: Attribute[] = [
    [1, tuple('192.0.2.1', '192.0.2.9', [4000, 53])],
    [2, tuple('10.0.0.2', '192.0.2.1', [5353, 4000])],
    [12, Uint8Array.of(0, 0, 0, 7)],
  ]
  const flow = decodeFlow(Buffer.concat([Buffer.from([2, 0, 0, 0]), encodeAttributes(attributes)]))
  assert.equal(flow.family, 4)
  assert.equal(flow.original.destinationPort, 53)
  assert.deepEqual(flow.reply, {
    source: '10.0.0.2',
    destination: '192.0.2.1',
    protocol: 17,
    sourcePort: 5353,
    destinationPort: 4000,
  })
  const sent = decodeFlow(Buffer.from(deleteFlow(flow).payload))
  assert.deepEqual(sent.original, flow.original)
})

test('announcements: gratuitous ARP, and a neighbour advertisement with a right checksum', () => {
  const arp = announceFrame('10.0.0.5', '02:00:00:00:00:05')
  assert.equal(arp.length, 42)
  assert.equal(arp.subarray(28, 32).join('.'), '10.0.0.5')
  assert.equal(arp.subarray(38, 42).join('.'), '10.0.0.5')
  const na = announceFrame('fd00::5', '02:00:00:00:00:05')
  assert.equal(na[54], 136)
  // The checksum over pseudo-header and message, its own field included, is all ones.
  const covered = Buffer.concat([na.subarray(22, 54), Buffer.from([0, 0, 0, 32, 0, 0, 0, 58]), na.subarray(54)])
  let sum = 0
  for (let at = 0; at < covered.length; at += 2) sum += covered.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  assert.equal(sum, 0xffff)
})

test('a neighbour as it is set is the neighbour that is read; proxies and multicast are none', () => {
  const wanted = { address: 'fd00::9', mac: '02:42:00:00:00:09', state: 'permanent' } as const
  const payload = Buffer.from(replaceNeighbour(7, wanted).payload)
  assert.equal(payload[0], 10) // AF_INET6
  assert.deepEqual(decodeNeighbour(payload), { link: 7, ...wanted })
  const proxy = Buffer.from(payload)
  proxy[10] = 8 // NTF_PROXY
  assert.equal(decodeNeighbour(proxy), undefined)
  const noarp = Buffer.from(payload)
  noarp.writeUInt16LE(0x40, 8)
  assert.equal(decodeNeighbour(noarp), undefined)
  const asked = Buffer.from(payload)
  asked.writeUInt16LE(1, 8)
  assert.deepEqual(decodeNeighbour(asked), { link: 7, address: 'fd00::9', mac: '', state: 'incomplete' })
})

test('a forwarding entry of a tunnel, and one of a bridge', () => {
  const tunnel = { mac: '02:42:00:00:00:09', table: 'self', destination: '192.0.2.7', port: 4790, vni: 300 } as const
  const entry = decodeFdb(Buffer.from(appendFdb(5, tunnel).payload))
  assert.deepEqual(entry, { link: 5, ...tunnel, state: 'permanent' })
  const port = Buffer.from(appendFdb(6, { mac: tunnel.mac, table: 'master', vlan: 12 }).payload)
  assert.equal(port.readUInt16LE(8) & 0x80, 0) // a permanent one would be the bridge's own address
  assert.equal(port[10], 4) // NTF_MASTER
})
