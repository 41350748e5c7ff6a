/** Volumes of a CSI driver: into containers and back in the specification's order, whatever dies in between. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inside, started } from '../support/containers.ts'
import { CsiLab, isIdle, on } from '../support/csi-driver-lab.ts'
import { until } from '../support/tools.ts'

const lab = new CsiLab()
const { daemon, home } = lab

before(() => lab.start())
after(() => lab.dispose())

test('made, attached, staged and published for the first container, and back after the last', async () => {
  const made = daemon.docker('volume', 'create', '-d', 'shelf.test', '-o', 'size=8m', '-o', 'tier=fast', 'disk')
  assert.equal(made.code, 0, made.stderr)
  assert.match(lab.log(), /CreateVolume .*"required_bytes":8388608.*/)
  assert.match(lab.log(), /CreateVolume .*"parameters":\{"tier":"fast"\}/)
  assert.match(lab.log(), /CreateVolume .*"requisite":\[\{"segments":\{"shelf\.test\/zone":"z1"\}\}\]/)
  const since = lab.log().length
  assert.equal(await lab.runs('echo kept > /d/f', 'disk:/d:nocopy'), 0)
  const [up, down] = [
    ['ControllerPublishVolume', 'NodeStageVolume', 'NodePublishVolume'],
    ['NodeUnpublishVolume', 'NodeUnstageVolume', 'ControllerUnpublishVolume'],
  ]
  assert.deepEqual(lab.steps(since), [...up!, ...down!])
  assert.equal(await lab.runs('grep kept /d/f', 'disk:/d'), 0)
  await started(daemon, 'one', undefined, on('disk:/d'))
  await started(daemon, 'two', undefined, on('disk:/d'))
  const shown = await daemon.client.volumes.inspect('disk')
  assert.equal(shown.Driver, 'csi:shelf.test')
  assert.equal(shown.Scope, 'global')
  const { VolumeId, State, Version, CapacityBytes } = shown.Status as Record<string, unknown>
  assert.deepEqual([State, Version, CapacityBytes], ['published', '1.2.3', 8 << 20])
  assert.equal(VolumeId, `vol-${lab.kept()[0]!.name}`)
  await daemon.client.containers.remove('one', { force: true })
  assert.equal(lab.kept()[0]!.published.length, 1)
  await daemon.client.containers.remove('two', { force: true })
  assert.deepEqual([lab.kept()[0]!.nodes, lab.kept()[0]!.staged, lab.kept()[0]!.published], [[], '', []])
  assert.equal(daemon.docker('volume', 'create', '-d', 'csi:shelf.test', 'disk').code, 0, 'the same one')
  assert.equal(daemon.docker('volume', 'rm', 'disk').code, 0)
  assert.deepEqual(lab.kept(), [])
  assert.ok(!existsSync(join(daemon.dataRoot, 'volumes', 'disk')))
  assert.deepEqual(readdirSync(join(daemon.dataRoot, 'csi', 'shelf.test')), [])
})

test('one that exists is taken by its id, and never deleted; secrets reach the driver and nobody else', async () => {
  await lab.create('mine')
  const { VolumeId } = (await daemon.client.volumes.inspect('mine')).Status as { VolumeId: string }
  await assert.rejects(lab.create('again', { 'volume-id': VolumeId }), /is here already, as mine/)
  await daemon.client.volumes.remove('mine')
  await assert.rejects(lab.create('again', { 'volume-id': 'vol-none' }), /no volume vol-none \(NOT_FOUND\)/)
  // One that somebody else has had made.
  writeFileSync(join(home, 'state.json'), JSON.stringify({ 'vol-old': { ...OLD, id: 'vol-old' } }))
  mkdirSync(join(home, 'data', 'vol-old'), { recursive: true })
  writeFileSync(join(home, 'data', 'vol-old', 'f'), 'old data')
  writeFileSync(join(home, 'secret'), 'hunter2')
  await lab.stopDriver()
  await lab.startDriver()
  await assert.rejects(lab.create('old', { 'volume-id': 'vol-old', fstype: 'ntfs' }), /cannot give .* no ntfs here/)
  await lab.create('old', { 'volume-id': 'vol-old', share: 'a' })
  assert.match(lab.log(), /ValidateVolumeCapabilities .*"volume_context":\{"share":"a"\}/)
  assert.equal(await lab.runs('grep "old data" /o/f', 'old:/o'), 0)
  await daemon.client.volumes.remove('old')
  assert.deepEqual(
    lab.kept().map(volume => volume.name),
    ['old'],
  )

  await assert.rejects(lab.create('safe'), /the password is wrong \(UNAUTHENTICATED\)/)
  const secrets = join(daemon.directory, 'secrets')
  await assert.rejects(lab.create('safe', { 'secret-file': secrets }), /secret-file .* cannot be read/)
  writeFileSync(secrets, '# ours\npassword=hunter2\n')
  await lab.create('safe', { 'secret-file': secrets })
  assert.equal(await lab.runs('true', 'safe:/s'), 0)
  assert.match(lab.log(), /NodeStageVolume .*"secrets":\{"password":"hunter2"\}/)
  assert.doesNotMatch(JSON.stringify(await daemon.client.volumes.inspect('safe')) + daemon.log, /hunter2/)
  await daemon.client.volumes.remove('safe')
  rmSync(join(home, 'secret'))
  rmSync(join(home, 'state.json'))
  await lab.stopDriver()
  await lab.startDriver()
})
const OLD = { name: 'old', size: 1 << 20, parameters: {}, source: '', nodes: [], staged: '', published: [] }

test('refusals, wrong answers and a driver that dies in mid-call: clear words, and nothing is made twice', async () => {
  await assert.rejects(
    lab.create('no', { fail: 'the shelf is full', code: 'RESOURCE_EXHAUSTED' }),
    /shelf is full.*no room/,
  )
  await assert.rejects(lab.create('no', { access: 'all' }), /access=all is none of/)
  await assert.rejects(lab.create('no', { size: 'big' }), /size=big is no size/)
  lab.mood('CreateVolume wrong')
  await assert.rejects(lab.create('no'), /answers CreateVolume wrongly: the volume has no id/)
  lab.mood('CreateVolume ABORTED 2')
  await lab.create('busy')
  assert.equal(lab.kept().filter(volume => volume.name !== OLD.name).length, 2, 'the nameless one, and busy')
  await daemon.client.volumes.remove('busy')
  lab.mood('CreateVolume crash')
  await assert.rejects(lab.create('half'), /it may have been made: create half again to have it/)
  const before = lab.kept().length
  await lab.startDriver()
  await lab.create('half')
  assert.equal(lab.kept().length, before, 'the one that was made in the crash')
  lab.mood('NodePublishVolume INTERNAL')
  await assert.rejects(
    started(daemon, 'runner', undefined, on('half:/h:nocopy')),
    /NodePublishVolume: as told \(INTERNAL\)/,
  )
  await daemon.client.containers.remove('runner', { force: true })
  lab.mood()
  assert.ok(isIdle((await lab.watch('half'))()), 'what was begun is taken back')
  await daemon.client.volumes.remove('half')
})

test('the daemon killed: what lives is not touched, what was cut short is taken back', async () => {
  await lab.create('crashy')
  const crashy = await lab.watch('crashy')
  await started(daemon, 'runner', ['sh', '-c', 'echo x > /c/f; sleep 1000'], on('crashy:/c:nocopy'))
  let since = lab.log().length
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.equal((await inside(daemon, 'runner', 'cat', '/c/f')).stdout, 'x\n')
  assert.deepEqual(lab.steps(since), [])
  await daemon.client.containers.remove('runner', { force: true })
  since = lab.log().length
  lab.mood('NodeStageVolume 1000')
  const starting = started(daemon, 'runner', undefined, on('crashy:/c:nocopy')).catch(() => 'cut')
  await until('staging', async () => (lab.steps(since).includes('NodeStageVolume') ? true : undefined))
  await daemon.stop('SIGKILL')
  await starting
  lab.mood()
  await daemon.start()
  await until('taken back', async () => (lab.steps(since).at(-1) === 'ControllerUnpublishVolume' ? true : undefined))
  assert.ok(isIdle(crashy()))
  await daemon.client.containers.remove('runner', { force: true })
  assert.equal(await lab.runs('grep x /c/f', 'crashy:/c'), 0)
  await daemon.client.volumes.remove('crashy')
})

test('a driver in a container: what it mounts shows on the host, and in others', async () => {
  await lab.stopDriver()
  const command = ['chroot', '/host', process.execPath, CsiLab.PROGRAM, lab.socket, home]
  await started(daemon, 'vendor', command, {
    HostConfig: { Privileged: true, Binds: ['/:/host', `${daemon.dataRoot}:/host${daemon.dataRoot}:rshared`] },
  })
  await until('ready', async () => lab.create('boxed').catch(() => undefined))
  assert.equal(await lab.runs('echo boxed > /b/f', 'boxed:/b:nocopy'), 0)
  await started(daemon, 'user', undefined, on('boxed:/b:nocopy'))
  assert.equal((await inside(daemon, 'user', 'cat', '/b/f')).stdout, 'boxed\n')
  await daemon.client.containers.remove('user', { force: true })
  await daemon.client.volumes.remove('boxed')
  await daemon.client.containers.remove('vendor', { force: true })
  await lab.startDriver()
})

test('a driver that is silent or dead is in nobody’s way, and a volume of it can be forgotten', async () => {
  await lab.create('dead')
  await started(daemon, 'user', undefined, on('dead:/d'))
  lab.mood('NodeGetVolumeStats silent', 'CreateVolume silent')
  const began = performance.now()
  const stuck = lab.create('stuck').then(
    () => 'made',
    (error: unknown) => String(error),
  )
  await started(daemon, 'other')
  assert.match(daemon.docker('volume', 'ls').stdout, /csi:shelf\.test +dead/)
  assert.equal((await daemon.client.containers.list()).length, 2)
  assert.equal(((await daemon.client.volumes.inspect('dead')).Status as { State: string }).State, 'published')
  assert.equal((await inside(daemon, 'user', 'touch', '/d/f')).code, 0)
  await lab.stopDriver()
  assert.match(await stuck, /CreateVolume: .*UNAVAILABLE/)
  assert.match(daemon.docker('volume', 'ls').stdout, /csi:shelf\.test +dead/)
  assert.ok(performance.now() - began < 20_000, 'nobody waited')
  await daemon.client.containers.remove('other', { force: true })
  await daemon.client.containers.remove('user', { force: true })
  await assert.rejects(daemon.client.volumes.remove('dead'), /csi driver "shelf\.test"/)
  await daemon.client.volumes.remove('dead', { force: true })
  await assert.rejects(daemon.client.volumes.inspect('dead'), /no such volume/)
})
