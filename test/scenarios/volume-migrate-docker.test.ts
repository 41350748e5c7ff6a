/** Volumes that go to a plain Docker and come from one. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { finish } from '#client/index.ts'
import { TestDaemon } from '../support/daemon.ts'
import { DockerEngine, dockerdHere } from '../support/docker-engine.ts'
import { Machines } from '../support/machines.ts'
import { fill } from '../support/two-hosts.ts'

const skip = dockerdHere ? false : 'no dockerd here'
let machines: Machines
let docker: DockerEngine
const daemon = new TestDaemon()

before(async () => {
  if (skip) return
  machines = new Machines()
  docker = new DockerEngine()
  await Promise.all([docker.start(machines.path()), daemon.start()])
  await daemon.loadBusybox()
})
after(async () => {
  if (skip) return
  await docker.dispose()
  await daemon.dispose()
  machines.remove()
})

const migrate = (...args: string[]) => daemon.berth('volume', 'migrate', ...args)
const attributes = (path: string) => {
  const { mode, uid, gid, size, nlink, mtimeMs } = lstatSync(path)
  return { mode, uid, gid, size, nlink, mtime: Math.floor(mtimeMs / 1000) }
}

test('to plain Docker, compared there, and back', { skip }, async () => {
  const from = await fill(daemon, 'data', 2 << 20)
  const host = `unix://${docker.socket}`
  const none = migrate('data', host)
  assert.match(none.stderr, /there is no image at .*--helper-image/)
  assert.deepEqual((await docker.client.volumes.list()).Volumes ?? [], [])

  await finish(await docker.client.images.load(await daemon.client.images.save(['busybox'])), () => {})
  const there = migrate('data', host, '--remove')
  assert.equal(there.code, 0, there.stderr)
  // Docker shows no attributes: that they came along cannot be proven.
  assert.match(there.stderr, /not removed here: .*extended attributes of \d+ paths/)
  const { Mountpoint: to, Labels } = await docker.client.volumes.inspect('data')
  assert.deepEqual(Labels, { kept: 'yes' })
  for (const path of ['.', 'big', 'sub/file-1', 'sub/file-2', 'sub/file-3', 'sub/pointer', 'sparse']) {
    assert.deepEqual(attributes(join(to, path)), attributes(join(from, path)), path)
  }
  assert.equal(spawnSync('cmp', [join(from, 'sparse'), join(to, 'sparse')]).status, 0)
  assert.equal(lstatSync(join(to, 'big')).ino, lstatSync(join(to, 'sub/deep/linked')).ino)
  assert.deepEqual(await docker.client.containers.list({ all: true }), [])
  assert.match(migrate('data', host).stderr, /volume data exists already/)
  assert.match(migrate('data', host, '--replace').stderr, /cannot replace volume data in one step/)

  const back = daemon.berth(
    '-H',
    host,
    'volume',
    'migrate',
    'data',
    `unix://${daemon.socket}`,
    '--as',
    'again',
    '--remove',
  )
  assert.equal(back.code, 0, back.stderr)
  const again = (await daemon.client.volumes.inspect('again')).Mountpoint
  assert.equal(execFileSync('diff', ['-r', from, again], { encoding: 'utf8' }), '')
  assert.deepEqual(attributes(join(again, 'sub/file-1')), attributes(join(from, 'sub/file-1')))
  await assert.rejects(docker.client.volumes.inspect('data'), { kind: 'not-found' })
  assert.deepEqual(await docker.client.containers.list({ all: true }), [])
})
