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
import { shareDirectory } from '#kernel/mounts/share-directory.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { SqliteStore } from '#store/index.ts'
import { Volumes } from '../volumes.ts'

const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'berth-local-'))
const mounts = new HostMounts()
const block = new HostBlock(mounts)
if (process.getuid?.() === 0) shareDirectory(base)
after(async () => {
  for (const point of mounts.below(base)) await mounts.unmount(point)
  assert.deepEqual(await block.attached(base), [])
  fs.rmSync(base, { recursive: true })
})

function open(dataRoot = fs.mkdtempSync(join(base, 'd'))) {
  const store = new SqliteStore(join(dataRoot, 'berth.db'))
  const files = new HostFiles()
  const volumes = new Volumes({
    store,
    files,
    mounts,
    block,
    clock: systemClock(),
    log: silentLogger,
    dataRoot,
    publish: () => {},
    randomHex: digits => randomBytes(32).toString('hex').slice(0, digits),
  })
  const create = (name: string, options: Record<string, string>) =>
    volumes.create({ name, driver: 'local', options, labels: {} })
  return { volumes, create, dataRoot, store, files, directory: join(dataRoot, 'volumes') }
}

const KINDS: Record<string, string>[] = [{ size: '16M' }, { compress: 'zstd' }]

describe('volumes in images, on the host', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  it('are filled as a whole, with the owner of the image unless they have their own', async () => {
    const image = join(base, 'image')
    fs.mkdirSync(join(image, 'sub'), { recursive: true })
    fs.writeFileSync(join(image, 'sub/f'), 'from the image')
    fs.chownSync(image, 999, 998)
    fs.chmodSync(image, 0o710)
    for (const options of KINDS) {
      const { create, volumes, directory, files, store } = open()
      const owner = (path: string) => {
        const { uid, gid, mode } = fs.statSync(path)
        return [uid, gid, mode & 0o7777]
      }
      await create('vol', options)
      await create('own', { ...options, uid: '5', mode: '0700' })
      // It ends in the middle of the copy: nothing of it is seen.
      const copy = files.copyTree.bind(files)
      files.copyTree = async (from, to) => {
        await copy(from, to)
        throw new Error('no more')
      }
      await assert.rejects(volumes.copyUp('vol', image), /no more/)
      files.copyTree = copy
      const data = await volumes.mount('vol', 'c')
      assert.deepEqual(fs.readdirSync(data), [])
      await volumes.unmount('vol', 'c')
      for (const [name, expected] of [
        ['vol', [999, 998, 0o710]],
        ['own', [5, 5, 0o700]],
      ] as const) {
        await volumes.copyUp(name, image)
        await volumes.copyUp(name, image)
        const filled = await volumes.mount(name, 'c')
        assert.equal(fs.readFileSync(join(filled, 'sub/f'), 'utf8'), 'from the image')
        assert.deepEqual(owner(filled), expected)
        await volumes.unmount(name, 'c')
      }
      assert.deepEqual(mounts.below(directory), [])
      assert.deepEqual(fs.readdirSync(directory), ['own', 'vol'])
      store.close()
    }
  })

  it('keep their data when their record is lost, and go when they never had one', async () => {
    for (const options of KINDS) {
      const { create, volumes, dataRoot, store, directory } = open()
      await create('used', options)
      await create('never', options)
      fs.writeFileSync(join(await volumes.mount('used', 'c'), 'f'), 'precious')
      await volumes.unmount('used', 'c')
      for (const name of ['used', 'never']) store.repository<VolumeRecord>('volumes').delete(name)
      store.close()
      const again = open(dataRoot)
      await again.volumes.recover(new Map())
      assert.deepEqual(fs.readdirSync(directory), ['used'])
      assert.deepEqual(again.volumes.get('used').options, options)
      assert.equal(fs.readFileSync(join(await again.volumes.mount('used', 'c'), 'f'), 'utf8'), 'precious')
      await again.volumes.unmount('used', 'c')
      again.store.close()
    }
  })

  it('have snapshots where they compress, also over a crash', async () => {
    const { create, volumes, dataRoot, store, directory } = open()
    await create('vol', { size: '64M', compress: 'zstd:1' })
    const data = await volumes.mount('vol', 'c')
    fs.writeFileSync(join(data, 'f'), 'before')
    const snapshot = await volumes.snapshot('vol')
    fs.writeFileSync(join(data, 'f'), 'after')
    assert.equal(fs.readFileSync(join(snapshot!.path, 'f'), 'utf8'), 'before')
    assert.throws(() => fs.writeFileSync(join(snapshot!.path, 'f'), ''), { code: 'EROFS' })
    assert.deepEqual(fs.readdirSync(data), ['f'])
    await snapshot!.release()
    assert.equal(mounts.below(directory).length, 1)
    await volumes.snapshot('vol')
    assert.equal(mounts.below(directory).length, 2)
    store.close()
    const again = open(dataRoot)
    await again.volumes.recover(new Map([['vol', ['c']]]))
    assert.deepEqual(mounts.below(directory), [data])
    assert.deepEqual(
      fs.readdirSync(join(directory, 'vol')).filter(name => name.startsWith('_top')),
      [],
    )
    assert.equal(fs.readFileSync(join(data, 'f'), 'utf8'), 'after')
    await again.volumes.unmount('vol', 'c')
    again.store.close()
  })

  it('outlive a full disk below them', async () => {
    const { create, volumes, dataRoot, store } = open()
    fs.rmSync(join(dataRoot, 'volumes'), { recursive: true, force: true })
    const disk = join(base, 'disk')
    await block.format(disk, { type: 'ext4', bytes: 64 << 20, preallocate: false })
    fs.mkdirSync(join(dataRoot, 'volumes'))
    await block.mount(join(dataRoot, 'volumes'), 'ext4', disk, [])
    await create('vol', { size: '200M' })
    await assert.rejects(create('sure', { size: '200M', preallocate: 'true' }), /ENOSPC|no space left/i)
    const data = await volumes.mount('vol', 'c')
    const write = (name: string, bytes: number) =>
      fs.writeFileSync(join(data, name), randomBytes(bytes), { flush: true })
    write('early', 1000)
    const early = fs.readFileSync(join(data, 'early'))
    assert.throws(() => write('big', 100 << 20), { code: 'ENOSPC' })
    // Its journal could not be written, perhaps: then it is read-only until it is mounted anew.
    assert.ok(fs.readFileSync(join(data, 'early')).equals(early))
    await volumes.unmount('vol', 'c')
    await volumes.mount('vol', 'c')
    fs.rmSync(join(data, 'big'), { force: true })
    // What is deleted is given back when the deletion is on disk.
    spawnSync('sync', ['-f', data])
    write('late', 1000)
    assert.ok(fs.readFileSync(join(data, 'early')).equals(early))
    await volumes.unmount('vol', 'c')
    await volumes.remove('vol', { force: false })
    await mounts.unmount(join(dataRoot, 'volumes'))
    store.close()
  })
})
