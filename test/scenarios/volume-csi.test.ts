/** Volumes of a CSI driver: into containers and back in the specification's order, whatever dies in between. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exitOf, inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

const PROGRAM = new URL('../support/csi-driver.ts', import.meta.url).pathname
let daemon: TestDaemon
let driver: ChildProcess

const home = () => join(daemon.directory, 'driver')
const socket = () => join(daemon.execRoot, 'csi', 'shelf.test.sock')
const mood = (...lines: string[]) => writeFileSync(join(home(), 'mood'), lines.join('\n'))
const log = () => (existsSync(join(home(), 'log')) ? readFileSync(join(home(), 'log'), 'utf8') : '')
/** Methods that change something, since a length of the log. */
const steps = (since = 0) =>
  log()
    .slice(since)
    .split('\n')
    .map(line => line.split(' ')[0]!)
    .filter(name => name.endsWith('Volume'))
interface Kept {
  name: string
  size: number
  nodes: string[]
  staged: string
  published: string[]
}
const kept = () => Object.values(JSON.parse(readFileSync(join(home(), 'state.json'), 'utf8')) as Record<string, Kept>)

async function startDriver() {
  mkdirSync(join(daemon.execRoot, 'csi'), { recursive: true })
  mkdirSync(home(), { recursive: true })
  mood()
  driver = spawn(process.execPath, [PROGRAM, socket(), home()], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(driver.stdout!, 'data')
}

async function stopDriver() {
  if (driver.exitCode !== null || driver.signalCode !== null) return
  const ended = once(driver, 'exit')
  driver.kill('SIGKILL')
  await ended
}

before(async () => {
  daemon = new TestDaemon()
  await startDriver()
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await stopDriver()
  await startDriver()
  try {
    await daemon.dispose()
  } finally {
    await stopDriver()
  }
})

const on = (...Binds: string[]) => ({ HostConfig: { Binds } })
const create = (Name: string, DriverOpts: Record<string, string> = {}) =>
  daemon.client.volumes.create({ Name, Driver: 'shelf.test', DriverOpts })
async function runs(script: string, ...binds: string[]): Promise<number> {
  await started(daemon, 'runner', ['sh', '-c', script], on(...binds))
  const code = await exitOf(daemon, 'runner')
  await daemon.client.containers.remove('runner')
  return code
}

test('made, attached, staged and published for the first container, and back after the last', async () => {
  const made = daemon.docker('volume', 'create', '-d', 'shelf.test', '-o', 'size=8m', '-o', 'tier=fast', 'disk')
  assert.equal(made.code, 0, made.stderr)
  assert.match(log(), /CreateVolume .*"required_bytes":8388608.*/)
  assert.match(log(), /CreateVolume .*"parameters":\{"tier":"fast"\}/)
  assert.match(log(), /CreateVolume .*"requisite":\[\{"segments":\{"shelf\.test\/zone":"z1"\}\}\]/)
  const since = log().length
  assert.equal(await runs('echo kept > /d/f', 'disk:/d:nocopy'), 0)
  const [up, down] = [
    ['ControllerPublishVolume', 'NodeStageVolume', 'NodePublishVolume'],
    ['NodeUnpublishVolume', 'NodeUnstageVolume', 'ControllerUnpublishVolume'],
  ]
  assert.deepEqual(steps(since), [...up!, ...down!])
  assert.equal(await runs('grep kept /d/f', 'disk:/d'), 0)
  await started(daemon, 'one', undefined, on('disk:/d'))
  await started(daemon, 'two', undefined, on('disk:/d'))
  const shown = await daemon.client.volumes.inspect('disk')
  assert.equal(shown.Driver, 'csi:shelf.test')
  assert.equal(shown.Scope, 'global')
  const { VolumeId, State, Version, CapacityBytes } = shown.Status as Record<string, unknown>
  assert.deepEqual([State, Version, CapacityBytes], ['published', '1.2.3', 8 << 20])
  assert.equal(VolumeId, `vol-${kept()[0]!.name}`)
  await daemon.client.containers.remove('one', { force: true })
  assert.equal(kept()[0]!.published.length, 1)
  await daemon.client.containers.remove('two', { force: true })
  assert.deepEqual([kept()[0]!.nodes, kept()[0]!.staged, kept()[0]!.published], [[], '', []])
  assert.equal(daemon.docker('volume', 'create', '-d', 'csi:shelf.test', 'disk').code, 0, 'the same one')
  assert.equal(daemon.docker('volume', 'rm', 'disk').code, 0)
  assert.deepEqual(kept(), [])
  assert.ok(!existsSync(join(daemon.dataRoot, 'volumes', 'disk')))
  assert.deepEqual(readdirSync(join(daemon.dataRoot, 'csi', 'shelf.test')), [])
})

test('one that exists is taken by its id, and never deleted; secrets reach the driver and nobody else', async () => {
  await create('mine')
  const { VolumeId } = (await daemon.client.volumes.inspect('mine')).Status as { VolumeId: string }
  await assert.rejects(create('again', { 'volume-id': VolumeId }), /is here already, as mine/)
  await daemon.client.volumes.remove('mine')
  await assert.rejects(create('again', { 'volume-id': 'vol-none' }), /no volume vol-none \(NOT_FOUND\)/)
  // One that somebody else has had made.
  writeFileSync(join(home(), 'state.json'), JSON.stringify({ 'vol-old': { ...OLD, id: 'vol-old' } }))
  mkdirSync(join(home(), 'data', 'vol-old'), { recursive: true })
  writeFileSync(join(home(), 'data', 'vol-old', 'f'), 'old data')
  writeFileSync(join(home(), 'secret'), 'hunter2')
  await stopDriver()
  await startDriver()
  await assert.rejects(create('old', { 'volume-id': 'vol-old', fstype: 'ntfs' }), /cannot give .* no ntfs here/)
  await create('old', { 'volume-id': 'vol-old', share: 'a' })
  assert.match(log(), /ValidateVolumeCapabilities .*"volume_context":\{"share":"a"\}/)
  assert.equal(await runs('grep "old data" /o/f', 'old:/o'), 0)
  await daemon.client.volumes.remove('old')
  assert.deepEqual(
    kept().map(volume => volume.name),
    ['old'],
  )

  await assert.rejects(create('safe'), /the password is wrong \(UNAUTHENTICATED\)/)
  const secrets = join(daemon.directory, 'secrets')
  await assert.rejects(create('safe', { 'secret-file': secrets }), /secret-file .* cannot be read/)
  writeFileSync(secrets, '# ours\npassword=hunter2\n')
  await create('safe', { 'secret-file': secrets })
  assert.equal(await runs('true', 'safe:/s'), 0)
  assert.match(log(), /NodeStageVolume .*"secrets":\{"password":"hunter2"\}/)
  assert.doesNotMatch(JSON.stringify(await daemon.client.volumes.inspect('safe')) + daemon.log, /hunter2/)
  await daemon.client.volumes.remove('safe')
  rmSync(join(home(), 'secret'))
  rmSync(join(home(), 'state.json'))
  await stopDriver()
  await startDriver()
})
const OLD = { name: 'old', size: 1 << 20, parameters: {}, source: '', nodes: [], staged: '', published: [] }

test('refusals, wrong answers and a driver that dies in mid-call: clear words, and nothing is made twice', async () => {
  await assert.rejects(
    create('no', { fail: 'the shelf is full', code: 'RESOURCE_EXHAUSTED' }),
    /shelf is full.*no room/,
  )
  await assert.rejects(create('no', { access: 'all' }), /access=all is none of/)
  await assert.rejects(create('no', { size: 'big' }), /size=big is no size/)
  mood('CreateVolume wrong')
  await assert.rejects(create('no'), /answers CreateVolume wrongly: the volume has no id/)
  mood('CreateVolume ABORTED 2')
  await create('busy')
  assert.equal(kept().filter(volume => volume.name !== OLD.name).length, 2, 'the nameless one, and busy')
  await daemon.client.volumes.remove('busy')
  mood('CreateVolume crash')
  await assert.rejects(create('half'), /it may have been made: create half again to have it/)
  const before = kept().length
  await startDriver()
  await create('half')
  assert.equal(kept().length, before, 'the one that was made in the crash')
  mood('NodePublishVolume INTERNAL')
  await assert.rejects(
    started(daemon, 'runner', undefined, on('half:/h:nocopy')),
    /NodePublishVolume: as told \(INTERNAL\)/,
  )
  await daemon.client.containers.remove('runner', { force: true })
  mood()
  const half = () => kept().find(volume => `vol-${volume.name}` === id)!
  const id = ((await daemon.client.volumes.inspect('half')).Status as { VolumeId: string }).VolumeId
  assert.deepEqual([half().nodes, half().staged], [[], ''], 'what was begun is taken back')
  for (const method of ['ControllerPublishVolume', 'NodeStageVolume', 'NodePublishVolume']) {
    mood(`${method} crash`)
    await assert.rejects(started(daemon, 'runner', undefined, on('half:/h:nocopy')), /UNAVAILABLE/, method)
    await daemon.client.containers.remove('runner', { force: true })
    await startDriver()
    assert.equal(await runs('true', 'half:/h'), 0, method)
    assert.deepEqual([half().nodes, half().staged, half().published], [[], '', []], method)
  }
  await daemon.client.volumes.remove('half')
})

test('the daemon killed before and after each step: exactly once, and recovered', async () => {
  await create('crashy')
  await started(daemon, 'runner', ['sh', '-c', 'echo x > /c/f; sleep 1000'], on('crashy:/c:nocopy'))
  const { Status } = await daemon.client.volumes.inspect('crashy')
  const one = () => kept().find(volume => `vol-${volume.name}` === (Status as { VolumeId: string }).VolumeId)!
  // Lives on: nothing is asked again.
  let since = log().length
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.equal((await inside(daemon, 'runner', 'cat', '/c/f')).stdout, 'x\n')
  assert.deepEqual(steps(since), [])
  await daemon.client.containers.remove('runner', { force: true })

  const stages = ['ControllerPublishVolume', 'NodeStageVolume', 'NodePublishVolume']
  for (const method of stages) {
    since = log().length
    mood(`${method} 1500`)
    const starting = started(daemon, 'runner', undefined, on('crashy:/c:nocopy')).catch(() => 'cut')
    await until(method, async () => (steps(since).includes(method) ? true : undefined))
    await daemon.stop('SIGKILL')
    await starting
    mood()
    await daemon.start()
    await until('taken back', async () => {
      const { nodes, staged, published } = one()
      return nodes.length + published.length === 0 &&
        staged === '' &&
        steps(since).includes('ControllerUnpublishVolume')
        ? true
        : undefined
    })
    await daemon.client.containers.remove('runner', { force: true })
  }
  since = log().length
  mood('CreateVolume 1000')
  const creating = create('orphan').catch(() => 'cut')
  await until('creating', async () => (steps(since).includes('CreateVolume') ? true : undefined))
  await daemon.stop('SIGKILL')
  await creating
  mood()
  await daemon.start()
  await until('taken back', async () => (steps(since).includes('DeleteVolume') ? true : undefined))
  await assert.rejects(daemon.client.volumes.inspect('orphan'), /no such volume/)
  since = log().length
  mood('DeleteVolume 1000')
  const removing = daemon.client.volumes.remove('crashy').catch(() => 'cut')
  await until('deleting', async () => (steps(since).includes('DeleteVolume') ? true : undefined))
  await daemon.stop('SIGKILL')
  await removing
  mood()
  await daemon.start()
  await until('deleted', async () =>
    daemon.client.volumes.inspect('crashy').then(
      () => undefined,
      () => true,
    ),
  )
  assert.equal(one(), undefined)
})

test('a driver in a container: what it mounts shows on the host, and in others', async () => {
  await stopDriver()
  const command = ['chroot', '/host', process.execPath, PROGRAM, socket(), home()]
  await started(daemon, 'vendor', command, {
    HostConfig: { Privileged: true, Binds: ['/:/host', `${daemon.dataRoot}:/host${daemon.dataRoot}:rshared`] },
  })
  await until('ready', async () => create('boxed').catch(() => undefined))
  assert.equal(await runs('echo boxed > /b/f', 'boxed:/b:nocopy'), 0)
  await started(daemon, 'user', undefined, on('boxed:/b:nocopy'))
  assert.equal((await inside(daemon, 'user', 'cat', '/b/f')).stdout, 'boxed\n')
  await daemon.client.containers.remove('user', { force: true })
  await daemon.client.volumes.remove('boxed')
  await daemon.client.containers.remove('vendor', { force: true })
  await startDriver()
})

test('a driver that is silent or dead is in nobody’s way, and a volume of it can be forgotten', async () => {
  await create('dead')
  await started(daemon, 'user', undefined, on('dead:/d'))
  mood('NodeGetVolumeStats silent', 'CreateVolume silent')
  const began = performance.now()
  const stuck = create('stuck').then(
    () => 'made',
    (error: unknown) => String(error),
  )
  await started(daemon, 'other')
  assert.match(daemon.docker('volume', 'ls').stdout, /csi:shelf\.test +dead/)
  assert.equal((await daemon.client.containers.list()).length, 2)
  assert.equal(((await daemon.client.volumes.inspect('dead')).Status as { State: string }).State, 'published')
  assert.equal((await inside(daemon, 'user', 'touch', '/d/f')).code, 0)
  await stopDriver()
  assert.match(await stuck, /CreateVolume: .*UNAVAILABLE/)
  assert.match(daemon.docker('volume', 'ls').stdout, /csi:shelf\.test +dead/)
  assert.ok(performance.now() - began < 12_000, 'nobody waited')
  await daemon.client.containers.remove('other', { force: true })
  await daemon.client.containers.remove('user', { force: true })
  await assert.rejects(daemon.client.volumes.remove('dead'), /csi driver "shelf\.test"/)
  await daemon.client.volumes.remove('dead', { force: true })
  await assert.rejects(daemon.client.volumes.inspect('dead'), /no such volume/)
})
