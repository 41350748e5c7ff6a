/** CSI volumes: the driver killed in each of its calls, and the daemon during each, over and over. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { started } from '../support/containers.ts'
import { CsiLab, isIdle, on } from '../support/csi-driver-lab.ts'
import { until } from '../support/tools.ts'

const lab = new CsiLab()
const { daemon } = lab
const UP = ['ControllerPublishVolume', 'NodeStageVolume', 'NodePublishVolume']
const DOWN = ['NodeUnpublishVolume', 'NodeUnstageVolume', 'ControllerUnpublishVolume']

before(() => lab.start())
after(() => lab.dispose())

const start = () => started(daemon, 'runner', undefined, on('disk:/d:nocopy'))
const remove = () => daemon.client.containers.remove('runner', { force: true })

test('the driver killed in each call, before and after it has done it', async () => {
  await lab.create('disk')
  const disk = await lab.watch('disk')
  for (const how of ['crash-before', 'crash']) {
    for (const method of [...UP, ...DOWN]) {
      if (DOWN.includes(method)) await start()
      lab.mood(`${method} ${how}`)
      if (UP.includes(method)) await assert.rejects(start(), /UNAVAILABLE/, method)
      await remove()
      await lab.startDriver()
      assert.equal(await lab.runs('echo x > /d/f', 'disk:/d'), 0, `${how} ${method}`)
      assert.ok(isIdle(disk()), `${how} ${method}`)
    }
  }
  await daemon.client.volumes.remove('disk')
  assert.deepEqual(lab.kept(), [])
})

test('the daemon killed during each call', async () => {
  await lab.create('disk')
  const disk = await lab.watch('disk')
  const cut = async (method: string, work: () => Promise<unknown>) => {
    const since = lab.log().length
    lab.mood(`${method} 1000`)
    const working = work().catch(() => 'cut')
    await until(method, async () => (lab.steps(since).includes(method) ? true : undefined))
    await daemon.stop('SIGKILL')
    await working
    lab.mood()
    await daemon.start()
  }
  for (const method of [...UP, ...DOWN]) {
    if (DOWN.includes(method)) await start()
    await cut(method, UP.includes(method) ? start : remove)
    await until(`idle after ${method}`, async () => (isIdle(disk()) ? true : undefined))
    await remove().catch(() => {})
    await until(`still idle after ${method}`, async () => (isIdle(disk()) ? true : undefined))
  }
  await cut('CreateVolume', () => lab.create('orphan'))
  await until('the creation is taken back', async () => (lab.kept().length === 1 ? true : undefined))
  await cut('DeleteVolume', () => daemon.client.volumes.remove('disk'))
  await until('the removal is finished', async () => (lab.kept().length === 0 ? true : undefined))
  await until('and seen', async () =>
    daemon.client.volumes.inspect('disk').then(
      () => undefined,
      () => true,
    ),
  )
})
