import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { decodeFlow, dumpFlows } from '#codec/netlink/conntrack.ts'
import { Lane } from '#kernel/netlink/lane.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '#kernel/netlink/socket.ts'
import { testNetworking } from '#kernel/testing/networking.ts'
import { matcher } from './forget-flows.ts'

const tuple = (source: string, destination: string, destinationPort: number, protocol = 17) => {
  return { source, destination, protocol, sourcePort: 40_000, destinationPort }
}

test('every given part of the filter has to fit', () => {
  const flow = {
    family: 4,
    original: tuple('192.0.2.1', '192.0.2.9', 8053),
    reply: tuple('10.0.0.2', '192.0.2.1', 40_000),
    key: [],
  } as const
  assert.ok(matcher({ address: '10.0.0.2' })(flow))
  assert.ok(matcher({ hostPort: 8053, protocol: 'udp' })(flow))
  assert.ok(matcher({ address: '10.0.0.2', hostPort: 8053 })(flow))
  assert.ok(!matcher({ address: '10.0.0.3' })(flow))
  assert.ok(matcher({ target: '10.0.0.2' })(flow))
  assert.ok(!matcher({ target: '192.0.2.1' })(flow))
  assert.ok(!matcher({ hostPort: 8053, protocol: 'tcp' })(flow))
  assert.ok(!matcher({ address: '10.0.0.2', hostPort: 53 })(flow))
})

test('a live flow of the daemon namespace is dropped, another stays', async () => {
  const { networking, prefix, close } = testNetworking({ poolSize: 0 })
  const table = `ip berth-${prefix}`
  const socket = new NetlinkSocket(NETLINK_NETFILTER, new Lane())
  const server = dgram.createSocket('udp4')
  const client = dgram.createSocket('udp4')
  try {
    // Makes the kernel track connections here.
    await networking.firewall.apply(
      `table ${table} { chain c { type filter hook output priority 0; ct state invalid counter
      }
      }`,
    )
    server.bind(0, '127.0.0.53')
    await once(server, 'listening')
    const { port } = server.address()
    for (const address of ['127.0.0.53', '127.0.0.54']) {
      await new Promise(resolve => client.send('x', port, address, resolve))
    }
    const present = async () => {
      const flows = (await socket.dump(dumpFlows(4))).map(message => decodeFlow(message.payload))
      return flows.flatMap(({ original }) => (original.destinationPort === port ? [original.destination] : [])).sort()
    }
    assert.deepEqual(await present(), ['127.0.0.53', '127.0.0.54'])
    await networking.firewall.forgetFlows({ address: '127.0.0.53', protocol: 'tcp' })
    assert.equal((await present()).length, 2)
    const filtered = await socket.dump(dumpFlows(4, '127.0.0.53'))
    assert.deepEqual(
      filtered.map(message => decodeFlow(message.payload).reply.source),
      ['127.0.0.53'],
    )
    await networking.firewall.forgetFlows({ target: '127.0.0.53' })
    assert.deepEqual(await present(), ['127.0.0.54'])
    await networking.firewall.forgetFlows({ hostPort: port, protocol: 'udp' })
    assert.deepEqual(await present(), [])
  } finally {
    server.close()
    client.close()
    socket.close()
    await networking.firewall.apply(`delete table ${table}`)
    await close()
  }
})
