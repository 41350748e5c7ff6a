import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { testNetworking } from '#kernel/testing/networking.ts'

const PROGRAM = `
const net = require('node:net'), dgram = require('node:dgram')
const server = net.createServer(() => {}).listen(8080, '0.0.0.0', () => {
  net.createServer().listen(8081, '127.0.0.1', () => {
    const udp = dgram.createSocket('udp4').bind(5300, '10.211.0.1', () => {
      const client = net.connect({ port: 8080, host: '10.211.0.1' }, () => {
        process.stdout.write('connected\\n')
        process.stdin.once('data', () => {
          client.destroy()
          server.getConnections(() => process.stdout.write('closed\\n'))
        })
      })
    })
  })
})`

test('listeners, bound sockets and inbound connections of a namespace', async () => {
  const { networking: kernel, close } = testNetworking({ poolSize: 0 })
  const path = await kernel.sandboxes.create('sockets')
  const inside = (...command: string[]) => spawn('nsenter', [`--net=${path}`, ...command])
  try {
    await once(inside('ip', 'addr', 'add', '10.211.0.1/32', 'dev', 'lo'), 'exit')
    const program = inside(process.execPath, '-e', PROGRAM)
    await once(program.stdout, 'data')
    const open = await kernel.sockets.open(path)
    assert.deepEqual(open.map(({ protocol, port, loopback }) => `${protocol} ${port} ${loopback}`).toSorted(), [
      'tcp 8080 false',
      'tcp 8081 true',
      'udp 5300 false',
    ])
    assert.equal(await kernel.sockets.inbound(path), 1)
    program.stdin.write('close\n')
    await once(program.stdout, 'data')
    // The end of the connection is the server's turn: its last acknowledgement may take a moment.
    for (let look = 0; (await kernel.sockets.inbound(path)) > 0; look++) assert.ok(look < 1000)
    program.kill()
    await once(program, 'exit')
  } finally {
    await close()
  }
})
