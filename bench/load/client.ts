/**
 * One measurement from the network namespace that it is started in; prints one JSON object.
 *
 *   node bench/load/client.ts KIND ADDRESS PORT SECONDS [NAME [PID…]]
 */
import * as libc from '#kernel/ffi/libc.ts'
import { quantile } from '../statistics.ts'
import { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { COUNT_PORT, dial, ECHO, finish, Poll, PORT, REPORT, SINK } from './sockets.ts'

const [kind = '', address = '', portText = '', secondsText = '', name = ''] = process.argv.slice(2)
/** The published ports keep the distance between the two. */
const port = Number(portText)
const milliseconds = Number(secondsText) * 1000
const byte = (value: number) => Uint8Array.of(value)
const reply = new Uint8Array(64)

/** Microseconds that each of many round trips takes. */
function roundTrips(once: () => void): { p50: number; p99: number; perSecond: number } {
  for (let i = 0; i < 200; i++) once()
  const times: number[] = []
  const began = performance.now()
  for (let now = began; now - began < milliseconds;) {
    once()
    const then = performance.now()
    times.push((then - now) * 1000)
    now = then
  }
  return {
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    perSecond: times.length / ((performance.now() - began) / 1000),
  }
}

/** Sends for the given time. @returns [sends, seconds] */
function pour(fd: number, block: Uint8Array): [number, number] {
  const began = performance.now()
  let bytes = 0
  while (performance.now() - began < milliseconds) {
    for (let i = 0; i < 8; i++) bytes += libc.send(fd, block)
  }
  finish(fd)
  return [bytes, (performance.now() - began) / 1000]
}

function report(): number {
  const fd = dial('tcp', address, port)
  libc.send(fd, byte(REPORT))
  const answer = Buffer.alloc(4)
  libc.recv(fd, answer)
  libc.close(fd)
  return answer.readUInt32LE(0)
}

/** Asks for `name` on each of the sockets, again as soon as there is an answer. */
function questions(sockets: number[]): { p50: number; p99: number; perSecond: number } {
  const poll = new Poll()
  for (const fd of new Set(sockets)) poll.add(fd)
  const query = Buffer.concat([
    Buffer.from('000001000001000000000000', 'hex'),
    ...name.split('.').map(label => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from('0000010001', 'hex'),
  ])
  const answer = new Uint8Array(1500)
  const sent = new Float64Array(0x1_0000)
  const times: number[] = []
  let id = 0
  const ask = (fd: number) => {
    id = (id + 1) & 0xffff
    query.writeUInt16BE(id, 0)
    sent[id] = performance.now()
    libc.send(fd, query)
  }
  for (const fd of sockets) ask(fd)
  const began = performance.now()
  while (performance.now() - began < milliseconds) {
    const ready = poll.wait(2000)
    if (ready.length === 0) throw new Error(`no answer for ${name} in 2 s`)
    for (const fd of ready) {
      libc.recv(fd, answer)
      const rcode = answer[3]! & 15
      if (rcode !== 0 || answer[7] === 0) throw new Error(`no address for ${name}: response code ${rcode}`)
      times.push((performance.now() - sent[(answer[0]! << 8) | answer[1]!]!) * 1000)
      ask(fd)
    }
  }
  const perSecond = times.length / ((performance.now() - began) / 1000)
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), perSecond }
}

const KINDS: Record<string, () => object> = {
  /** Gbit/s. */
  'tcp-throughput'() {
    const fd = dial('tcp', address, port)
    libc.send(fd, byte(SINK))
    const [bytes, seconds] = pour(fd, new Uint8Array(1 << 18))
    return { gbits: (bytes * 8) / seconds / 1e9 }
  },
  /** Gbit/s that arrive, datagrams of 1,200 bytes. */
  'udp-throughput'() {
    report()
    const fd = dial('udp', address, port + COUNT_PORT - PORT)
    const [, seconds] = pour(fd, new Uint8Array(1200))
    return { gbits: (report() * 1200 * 8) / seconds / 1e9 }
  },
  'tcp-latency'() {
    const fd = dial('tcp', address, port)
    libc.send(fd, byte(ECHO))
    return roundTrips(() => {
      libc.send(fd, byte(7))
      libc.recv(fd, reply)
    })
  },
  'udp-latency'() {
    const fd = dial('udp', address, port)
    return roundTrips(() => {
      libc.send(fd, byte(7))
      libc.recv(fd, reply)
    })
  },
  /** Questions for the address of a name, sixteen on their way at any time. */
  dns() {
    const fd = dial('udp', address, port)
    return questions(Array.from({ length: 16 }, () => fd))
  },
  /** The same from the namespaces of many processes, one question on its way from each. */
  'dns-many'() {
    const namespaces = new NetworkNamespaces()
    const pids = process.argv.slice(7)
    return questions(pids.map(pid => namespaces.enter(`/proc/${pid}/ns/net`, () => dial('udp', address, port))))
  },
  /** Connect, one byte there and back, close. */
  connections() {
    return roundTrips(() => {
      const fd = dial('tcp', address, port, true)
      libc.send(fd, Uint8Array.of(ECHO, 7))
      libc.recv(fd, reply)
      libc.close(fd)
    })
  },
}

const run = KINDS[kind]
if (!run) throw new Error(`no such measurement: ${kind}`)
console.log(JSON.stringify(run()))
