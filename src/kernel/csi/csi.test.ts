import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { csiSuite } from '#ports/csi.suite.ts'
import { KernelCsi } from './csi.ts'

const PROGRAM = new URL('../../../test/support/csi-driver.ts', import.meta.url).pathname
const base = fs.mkdtempSync(join(tmpdir(), 'berth-csi-'))
const flat = join(base, 'sockets')
const socket = join(flat, 'shelf.test.sock')
const csi = new KernelCsi({ flat: [join(base, 'absent'), flat], kubelet: [join(base, 'kubelet')] })
let driver: ChildProcess

before(async () => {
  fs.mkdirSync(flat)
  driver = spawn(process.execPath, [PROGRAM, socket, join(base, 'driver')], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(driver.stdout!, 'data')
})
after(() => {
  driver.kill('SIGKILL')
  fs.rmSync(base, { recursive: true })
})

csiSuite('host', async () => ({ csi, async close() {} }))

test('a call ends in time, whatever the driver does', async () => {
  const mood = (text: string) => fs.writeFileSync(join(base, 'driver', 'mood'), text)
  const ask = (timeoutMs: number) => csi.call('shelf.test', 'Identity.Probe', {}, { timeoutMs })
  mood('Probe silent')
  await assert.rejects(ask(200), { message: /Probe: nothing within 0\.2 seconds \(DEADLINE_EXCEEDED\)/ })
  mood('Probe crash')
  await assert.rejects(ask(10_000), { message: /Probe: .*\(UNAVAILABLE\)/ })
  await assert.rejects(ask(10_000), { message: /Probe: .*\(UNAVAILABLE\)/ })
})

test('what listens and speaks no gRPC is an error too; kubelet’s places and a controller of its own', async () => {
  const garbage = (file: string) => {
    fs.mkdirSync(join(file, '..'), { recursive: true })
    const server = net.createServer(connection => connection.on('error', () => {}).end('HTTP/1.1 200 OK\r\n\r\n'))
    server.listen(file)
    return server
  }
  const servers = [
    garbage(join(base, 'kubelet', 'odd.test', 'csi.sock')),
    garbage(join(flat, 'split.sock')),
    garbage(join(flat, 'split.controller.sock')),
  ]
  await Promise.all(servers.map(async server => server.listening || once(server, 'listening')))
  try {
    assert.deepEqual(await csi.list(), ['odd.test', 'shelf.test', 'split'])
    await assert.rejects(csi.call('odd.test', 'Identity.Probe', {}, { timeoutMs: 2000 }), { kind: 'system' })
    const [, node, controller] = servers.map(server => once(server, 'connection'))
    await assert.rejects(csi.call('split', 'Node.NodeGetInfo', {}, { timeoutMs: 2000 }))
    await node
    const request = { volume_id: 'x', secrets: {} }
    await assert.rejects(csi.call('split', 'Controller.DeleteVolume', request, { timeoutMs: 2000 }))
    await controller
  } finally {
    for (const server of servers) server.close()
  }
})
