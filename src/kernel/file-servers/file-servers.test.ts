import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { hasErrno } from '../ffi/errno.ts'
import { HostFileServers } from './host-file-servers.ts'

const servers = new HostFileServers()

describe('conversations with file servers', () => {
  const behaviours: ((socket: Socket) => void)[] = []
  const server = createServer(socket => behaviours.shift()?.(socket))
  const listening = new Promise<number>(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  after(() => server.close())
  const dial = async (behaviour: (socket: Socket) => void, deadline = 2000) => {
    behaviours.push(behaviour)
    return servers.dial('127.0.0.1', await listening, { deadline, privileged: false })
  }

  it('take one frame for another, however it is cut', async () => {
    const talk = await dial(socket => {
      socket.on('data', (bytes: Buffer) => {
        for (const one of Buffer.concat([Buffer.from([0x80, 0, 0, 3]), bytes.subarray(0, 3)]))
          socket.write(Buffer.from([one]))
      })
    })
    assert.equal((await talk.ask(Buffer.from('abc'))).toString(), 'abc')
    assert.equal((await talk.ask(Buffer.from('def'))).toString(), 'def')
    talk.close()
  })

  it('end with an error for servers that hang, hang up, or say too much', async () => {
    const silent = await dial(() => {}, 100)
    await assert.rejects(silent.ask(Buffer.from('x')), (error: unknown) => hasErrno(error, 'ETIMEDOUT'))
    const gone = await dial(socket => socket.destroy())
    await assert.rejects(gone.ask(Buffer.from('x')), (error: unknown) => hasErrno(error, 'ECONNRESET', 'EPIPE'))
    const loud = await dial(socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await assert.rejects(loud.ask(Buffer.from('x')), (error: unknown) => hasErrno(error, 'EMSGSIZE'))
  })

  it('name what keeps them from beginning', async () => {
    const refused = servers.dial('127.0.0.1', 1, { deadline: 1000, privileged: false })
    await assert.rejects(refused, (error: unknown) => hasErrno(error, 'ECONNREFUSED'))
  })

  it('come from a port of root where that is asked', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
    let port = 0
    behaviours.push(socket => {
      port = socket.remotePort!
      socket.end()
    })
    const talk = await servers.dial('127.0.0.1', await listening, { deadline: 1000, privileged: true })
    await assert.rejects(talk.ask(Buffer.from('x')))
    assert.ok(port >= 665 && port < 1024, String(port))
  })

  it('know this host', async () => {
    assert.equal(await servers.ownAddress('127.0.0.1'), '127.0.0.1')
    assert.equal(await servers.ownAddress('nonsense'), '')
    assert.equal(servers.knowsType('ext4'), true)
    assert.equal(servers.knowsType('nosuchfs'), false)
  })
})
