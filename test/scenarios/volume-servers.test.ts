import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { DeadFileSystem } from '../support/dead-fs.ts'
import { FileServersMachine } from '../support/file-servers.ts'
import { Machines } from '../support/machines.ts'
import { run } from '../support/tools.ts'

// File servers: what Berth does before the kernel mounts, and that one which is dead is in nobody's way.

const machines = new Machines()
const nas = machines.add('nas').address
const servers = new FileServersMachine(machines, 'nas')
const daemon = new TestDaemon([], { netns: machines.path() })
const { containers, volumes } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await daemon.dispose()
  await servers.remove()
  machines.remove()
})
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
    const failing = Array.from({ length: 8 }, (_, i) =>
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
      await soon('exec', 5000, () => inside(daemon, 'other', 'ls', '/v'))
      const name = `quick-${Math.round(performance.now())}`
      await soon('run', 5000, () => started(daemon, name, SLEEP, volume('fine')))
      await soon('rm', 5000, () => containers.remove(name, { force: true }))
    }
    await everyday()
    await soon('system df', 10_000, () => run(daemon, 'docker', ['system', 'df', '-v']))
    await Promise.all(failing)
    // The daemon ends and starts again, kindly and not.
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await soon(`the end by ${signal}`, 10_000, () => daemon.stop(signal))
      await soon('the start', 15_000, () => daemon.start())
      await everyday()
    }
    await soon('stop', 10_000, () => containers.stop('user', { timeout: 0 }))
    await soon('rm', 10_000, () => containers.remove('user', { force: true }))
    await soon('rm', 10_000, () => containers.remove('idle', { force: true }))
    for (let i = 0; i < 8; i++) await containers.remove(`new-${i}`, { force: true })
    await soon('volume rm', 10_000, () => volumes.remove('dead'))
  } finally {
    await dead.end(point)
  }
})

/** What creation with a look at the server says; '' when all is well up to the mount, which this kernel may lack. */
async function refusal(DriverOpts: Record<string, string>): Promise<string> {
  try {
    await volumes.create({ Name: 'looked-at', DriverOpts, Validate: true })
    await volumes.remove('looked-at')
    return ''
  } catch (error) {
    const { message } = error as Error
    assert.deepEqual((await volumes.list()).Volumes, [])
    return /can be reached, but this kernel has no (nfs4?|cifs) file system \(ENODEV\): run modprobe/.test(message)
      ? ''
      : message
  }
}

test('a real NFS server: what is right passes, what is wrong is named', async () => {
  const { stop, paths } = await servers.nfs()
  const nfs = (device: string, o: string) => refusal({ type: 'nfs', device, o })
  assert.equal(await nfs(':/a', `addr=${nas},rw`), '')
  assert.equal(await nfs(`${nas}:/srv/b`, 'nfsvers=4.2,soft'), '')
  assert.equal(await refusal({ type: 'nfs4', device: ':/', o: `addr=${nas}` }), '')
  assert.equal(await nfs(`:${paths.a}`, `addr=${nas},nfsvers=3,nolock`), '')
  assert.equal(await nfs(`:${paths.a}`, `addr=${nas},nfsvers=3,mountport=20048`), '')
  const missing = (path: string, has: string) =>
    `export ${path} does not exist on server ${nas} (ENOENT): the server has ${has}`
  assert.match(await nfs(':/x', `addr=${nas}`), new RegExp(escaped(missing('/x', '/a, /srv'))))
  assert.match(await nfs(':/srv/x', `addr=${nas}`), new RegExp(escaped(missing('/srv/x', '/srv/b'))))
  const three = missing('/a', `${paths.a}, ${paths.b}`)
  assert.match(await nfs(':/a', `addr=${nas},vers=3`), new RegExp(escaped(three)))
  assert.match(
    await nfs(':/a', `addr=${nas},port=2050`),
    new RegExp(`server ${escaped(nas)} does not answer on port 2050 for /a \\(ECONNREFUSED\\): nothing listens there`),
  )
  assert.match(await nfs('nas.invalid:/a', ''), /the server's name nas\.invalid is not known \(\w+\)/)
  // It is the look that asks: without it, creation is instant, and the start says it.
  await volumes.create({ Name: 'later', DriverOpts: { type: 'nfs', device: ':/x', o: 'addr=192.0.2.1,rw' } })
  await volumes.remove('later')
  await stop()
  assert.match(await nfs(':/a', `addr=${nas}`), /does not answer on port 2049 for \/a \(ECONNREFUSED\)/)
})

test('a server behind a filter is given ten seconds, and a volume of it keeps nobody waiting', async () => {
  servers.filter(3049)
  const began = performance.now()
  const asked = refusal({ type: 'nfs', device: ':/a', o: `addr=${nas},port=3049` })
  await soon('volume ls', 3000, () => volumes.list())
  await soon('run', 5000, () => started(daemon, 'beside', SLEEP))
  assert.match(await asked, /ETIMEDOUT.*check that the server runs and that no firewall is between/)
  const took = performance.now() - began
  assert.ok(took > 9000 && took < 14_000, `${took}`)
})

test('a real Samba server: what is right passes, what is wrong is named', async () => {
  const { stop } = await servers.smb()
  const cifs = (device: string, o: string) => refusal({ type: 'cifs', device, o })
  assert.equal(await cifs(`//${nas}/data`, 'username=u,password=p'), '')
  assert.equal(await cifs('//nas/data/below', `addr=${nas},username=u,password=p`), '')
  assert.match(
    await cifs(`//${nas}/wrong`, 'username=u,password=p'),
    new RegExp(`share wrong does not exist on server ${escaped(nas)} \\(ENOENT\\)`),
  )
  assert.match(await cifs('data', 'username=u'), /data is no share: write it as \/\/SERVER\/SHARE/)
  await stop()
  assert.match(
    await cifs(`//${nas}/data`, ''),
    /does not answer on port 445 for data \(ECONNREFUSED\): nothing listens/,
  )
})

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)
