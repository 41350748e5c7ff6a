import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { HostBlock } from '#kernel/block/index.ts'
import { HostFiles } from '#kernel/files/index.ts'
import { HostMounts } from '#kernel/mounts/index.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Volumes } from './volumes.ts'

const mounts = new HostMounts()
const base = fs.mkdtempSync(join(tmpdir(), 'berth-subvolumes-'))
const disk = join(base, 'disk')
const skip =
  (process.getuid?.() !== 0 && 'needs root') ||
  (spawnSync('mkfs.btrfs', ['--version']).status !== 0 && 'needs mkfs.btrfs')

if (skip === false) {
  fs.mkdirSync(disk)
  fs.closeSync(fs.openSync(join(base, 'image'), 'w'))
  fs.truncateSync(join(base, 'image'), 256 << 20)
  spawnSync('mkfs.btrfs', ['-q', join(base, 'image')])
  spawnSync('mount', ['-o', 'loop', join(base, 'image'), disk])
}
after(() => {
  spawnSync('umount', [disk])
  fs.rmSync(base, { recursive: true })
})

function open(dataRoot = fs.mkdtempSync(join(disk, 'd')), store = new FakeStore()) {
  const volumes = new Volumes({
    store,
    files: new HostFiles(),
    mounts,
    block: new HostBlock(mounts),
    clock: systemClock(),
    log: silentLogger,
    dataRoot,
    publish: () => {},
    randomHex: digits => randomBytes(32).toString('hex').slice(0, digits),
  })
  const create = (name: string) => volumes.create({ name, driver: 'local', options: {}, labels: {} })
  return { volumes, create, dataRoot, root: join(dataRoot, 'volumes'), store }
}

describe('volumes on btrfs', { skip }, () => {
  it('are subvolumes: cloned and snapshot as they are at one instant, and removed', async () => {
    const { volumes, create, root } = open()
    const { mountpoint } = await create('data')
    assert.equal(fs.statSync(mountpoint).ino, 256)
    fs.writeFileSync(join(mountpoint, 'big'), randomBytes(8 << 20))
    fs.mkdirSync(join(mountpoint, 'sub'), { mode: 0o700 })
    fs.chownSync(mountpoint, 70, 71)
    await volumes.mount('data', 'c')
    const { volume, method, live } = await volumes.clone('data', { name: 'copy', labels: {} })
    assert.deepEqual([method, live], ['snapshot', false])
    assert.ok(fs.readFileSync(join(volume.mountpoint, 'big')).equals(fs.readFileSync(join(mountpoint, 'big'))))
    assert.equal(fs.statSync(volume.mountpoint).gid, 71)
    const snapshot = (await volumes.snapshot('data'))!
    fs.writeFileSync(join(mountpoint, 'big'), 'changed')
    assert.equal(fs.statSync(join(snapshot.path, 'big')).size, 8 << 20)
    assert.equal(fs.statSync(join(volume.mountpoint, 'big')).size, 8 << 20)
    await snapshot.release()
    await volumes.unmount('data', 'c')
    // A clone is a subvolume again, with no limit to how often.
    assert.equal((await volumes.clone('copy', { name: 'third', labels: {} })).method, 'snapshot')
    for (const name of ['data', 'copy', 'third']) await volumes.remove(name, { force: false })
    assert.deepEqual(fs.readdirSync(root), [])
  })

  it('stay subvolumes when they are filled from an image, replaced, renamed and restored', async () => {
    const { volumes, create, root } = open()
    await create('data')
    const image = join(disk, 'image-data')
    fs.mkdirSync(image)
    fs.writeFileSync(join(image, 'f'), 'from the image')
    fs.chmodSync(image, 0o1777)
    await volumes.copyUp('data', image)
    const staged = await volumes.stage({ name: 'data', driver: '', options: {}, labels: {}, replace: true })
    fs.writeFileSync(join(staged.path, 'f'), 'replaced')
    await staged.commit()
    await volumes.rename('data', 'other')
    await volumes.remove('other', { force: false, keep: 60_000 })
    const { mountpoint } = await volumes.restoreDeleted('other')
    assert.equal(fs.readFileSync(join(mountpoint, 'f'), 'utf8'), 'replaced')
    assert.equal(fs.statSync(mountpoint).ino, 256)
    await volumes.remove('other', { force: false })
    assert.deepEqual(
      fs.readdirSync(root).filter(name => !name.startsWith('.staging')),
      [],
    )
    volumes.close()
  })

  it('leave no snapshot of a killed daemon, nor subvolumes that a container made', async () => {
    const { volumes, create, root, dataRoot, store } = open()
    const { mountpoint } = await create('data')
    spawnSync('btrfs', ['subvolume', 'create', join(mountpoint, 'inner')])
    fs.writeFileSync(join(mountpoint, 'inner', 'f'), 'x')
    assert.ok(await volumes.snapshot('data'))
    assert.equal(fs.readdirSync(root).length, 2)
    const next = open(dataRoot, store)
    await next.volumes.recover(new Map())
    assert.deepEqual(fs.readdirSync(root), ['data'])
    await next.volumes.remove('data', { force: false })
    assert.deepEqual(fs.readdirSync(root), [])
  })

  it('share blocks file by file where a subvolume cannot be snapshot', async () => {
    const { root, volumes, create } = open()
    await create('data')
    fs.rmdirSync(join(root, 'data/_data'))
    fs.mkdirSync(join(root, 'data/_data'))
    fs.writeFileSync(join(root, 'data/_data/f'), randomBytes(1 << 20))
    const { method, volume } = await volumes.clone('data', { name: 'copy', labels: {} })
    assert.equal(method, 'reflink')
    assert.equal(fs.statSync(join(volume.mountpoint, 'f')).size, 1 << 20)
  })
})
