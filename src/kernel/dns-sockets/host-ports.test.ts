import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { hostPortsSuite } from '#ports/resolver.suite.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { KernelHostPorts } from './host-ports.ts'

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

hostPortsSuite('kernel', () => new KernelHostPorts(), freePort)

test('another program cannot listen on a reserved port, though it sets SO_REUSEADDR as Node does', async () => {
  const port = await freePort()
  const release = new KernelHostPorts().reserve('tcp', '0.0.0.0', port)
  const server = net.createServer()
  server.listen(port, '127.0.0.1')
  const [error] = await once(server, 'error')
  assert.ok(hasErrno(error, 'EADDRINUSE'))
  release()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  assert.equal(new KernelHostPorts().isFree('tcp', '0.0.0.0', port), false)
  server.close()
})

test('nor can it have a reserved UDP port with SO_REUSEADDR', async () => {
  const port = await freePort()
  const release = new KernelHostPorts().reserve('udp', '0.0.0.0', port)
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true })
  socket.bind(port, '127.0.0.1')
  const [error] = await once(socket, 'error')
  assert.ok(hasErrno(error, 'EADDRINUSE'))
  socket.close()
  release()
})

test('connections in TIME_WAIT of a former listener do not hold a port', async () => {
  const port = await freePort()
  const server = net.createServer(connection => connection.end()).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect(port, '127.0.0.1').resume()
  await once(client, 'close')
  server.close()
  await once(server, 'close')
  const ports = new KernelHostPorts()
  assert.equal(ports.isFree('tcp', '0.0.0.0', port), true)
  ports.reserve('tcp', '0.0.0.0', port)()
})

test("an address that is not the host's is an error, not a taken port", () => {
  assert.throws(
    () => new KernelHostPorts().isFree('tcp', '192.0.2.77', 8080),
    error => hasErrno(error, 'EADDRNOTAVAIL'),
  )
})
