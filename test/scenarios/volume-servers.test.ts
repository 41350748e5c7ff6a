import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { DeadFileSystem } from '../support/dead-fs.ts'
import { run } from '../support/tools.ts'

// File servers: what Berth does before the kernel mounts, and that one which is dead is in nobody's way.

const daemon = new TestDaemon()
const { containers, volumes } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(() => clear(daemon))

const volume = (name: string) => ({ HostConfig: { Binds: [`${name}:/v`] } })
/** Runs `work`, which takes less than `limit` milliseconds however busy the machine is. */
async function soon<T>(what: string, limit: number, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const result = await work()
  assert.ok(performance.now() - began < limit, `${what} took ${Math.round(performance.now() - began)} ms`)
  return result
}

test('a file system that hangs: its users fail in time, and nobody else notices', async () => {
  const point = join(daemon.directory, 'dead')
  mkdirSync(point)
  const dead = await DeadFileSystem.mount(point)
  try {
    await volumes.create({ Name: 'dead', DriverOpts: { type: 'none', device: point, o: 'bind' } })
    await volumes.create({ Name: 'fine' })
    await started(daemon, 'user', SLEEP, volume('dead'))
    await started(daemon, 'other', SLEEP, volume('fine'))
    const idle = await containers.create({ Image: 'busybox', Cmd: SLEEP, ...volume('dead') }, { name: 'idle' })
    dead.hang()
    const words = /does not answer: it is on dead \(fuse\)/
    // Many at once, more than the process has threads for blocking calls.
    const failing = Array.from({ length: 12 }, (_, i) =>
      assert.rejects(
        started(daemon, `new-${i}`, SLEEP, i % 2 ? volume('dead') : { HostConfig: { Binds: [`${point}:/b`] } }),
        words,
      ),
    )
    failing.push(assert.rejects(containers.start(idle.Id), words))
    failing.push(assert.rejects(containers.archiveGet('user', '/v/x'), words))
    const everyday = async () => {
      await soon('ps', 3000, () => containers.list({ all: true }))
      await soon('inspect', 3000, () => containers.inspect('user'))
      await soon('volume ls', 3000, () => volumes.list())
      await soon('volume inspect', 3000, () => volumes.inspect('dead'))
      await soon('system df', 5000, () => run(daemon, 'docker', ['system', 'df', '-v']))
      await soon('exec', 5000, () => inside(daemon, 'other', 'ls', '/v'))
      const name = `quick-${Math.round(performance.now())}`
      await soon('run', 5000, () => started(daemon, name, SLEEP, volume('fine')))
      await soon('rm', 5000, () => containers.remove(name, { force: true }))
    }
    await everyday()
    await Promise.all(failing)
    await everyday()
    // The daemon ends and starts again, kindly and not.
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await soon(`the end by ${signal}`, 10_000, () => daemon.stop(signal))
      await soon('the start', 15_000, () => daemon.start())
      await everyday()
    }
    await soon('stop', 10_000, () => containers.stop('user', { timeout: 0 }))
    await soon('rm', 10_000, () => containers.remove('user', { force: true }))
    await soon('rm', 10_000, () => containers.remove('idle', { force: true }))
    for (let i = 0; i < 12; i++) await containers.remove(`new-${i}`, { force: true })
    await soon('volume rm', 10_000, () => volumes.remove('dead'))
  } finally {
    await dead.end(point)
  }
})
