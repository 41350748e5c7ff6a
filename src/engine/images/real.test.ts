import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HostBootstrap } from '#kernel/bootstrap/index.ts'
import { HostContent } from '#kernel/content/index.ts'
import { HostFiles } from '#kernel/files/index.ts'
import { HostMounts } from '#kernel/mounts/index.ts'
import { HostSnapshots } from '#kernel/snapshots/index.ts'
import { SqliteStore } from '#store/sqlite-store.ts'
import { bytesOf, setup, streamOf } from './testing/setup.ts'

/** An image service on the real store, blobs and overlay, below `root`. */
function real(root: string) {
  for (const name of ['data', 'run']) mkdirSync(join(root, name), { recursive: true })
  const store = new SqliteStore(join(root, 'data', 'berth.db'))
  const mounts = new HostMounts()
  const places = { dataRoot: join(root, 'data'), execRoot: join(root, 'run') }
  const snapshots = new HostSnapshots({ store, mounts, files: new HostFiles(), ...places })
  const content = new HostContent(join(root, 'data', 'content'))
  return { ...setup({ store, content, snapshots, bootstrap: new HostBootstrap() }), store, content, snapshots }
}

describe('images on the real host', () => {
  let root = ''
  let service: ReturnType<typeof real>
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-images-'))
    service = real(root)
  })
  after(async () => {
    await service.snapshots.close()
    service.store.close()
    rmSync(root, { recursive: true, force: true })
  })

  it('goes from bootstrap through a container to a commit and back through an archive', async () => {
    const { images, snapshots } = service
    const base = await images.bootstrap({ image: 'busybox' }, () => {})
    await images.createRootfs('box', base)
    const path = await images.mountRootfs('box')
    try {
      assert.match(execFileSync('chroot', [path, 'sh', '-c', 'echo hello from $0']).toString(), /hello from sh/)
      assert.equal(statSync(join(path, 'tmp')).mode & 0o7777, 0o1777)
      writeFileSync(join(path, 'etc/new'), 'new')
      rmSync(join(path, 'home'), { recursive: true })
      const changes = await images.rootfsChanges('box')
      assert.deepEqual(changes.map(({ Path, Kind }) => `${Kind} ${Path}`).sort(), ['0 /etc', '1 /etc/new', '2 /home'])
      const made = await images.commit({
        snapshotKey: 'box',
        parent: base,
        config: { ...base.config, Cmd: ['cat', '/etc/new'] },
        reference: 'made:1',
        comment: 'c',
        author: 'a',
        createdBy: 'test',
        containerId: 'f'.repeat(64),
      })
      assert.equal(made.layers.length, 2)
      assert.deepEqual(made.history.at(-1)!.created_by, 'test')
    } finally {
      await images.unmountRootfs('box')
    }
    const saved = await bytesOf(await images.save(['busybox', 'made:1']))
    const gone = await images.remove('made:1', { force: false, noPrune: false })
    assert.equal(gone.filter(step => step.Deleted).length, 2)
    await images.removeRootfs('box')
    await images.remove('busybox', { force: false, noPrune: false })
    assert.deepEqual([snapshots.list(), await service.content.list()], [[], []])

    const back = await images.load(streamOf(saved), () => {})
    const made = back.find(image => image.tags[0]!.endsWith('made:1'))!
    const rootfs = await images.mountImage(made)
    try {
      assert.equal(readFileSync(join(rootfs, 'etc/new'), 'utf8'), 'new')
      assert.throws(() => statSync(join(rootfs, 'home')), { code: 'ENOENT' })
      assert.throws(() => writeFileSync(join(rootfs, 'x'), ''), { code: 'EROFS' })
    } finally {
      await snapshots.unmount(made.layers.at(-1)!.chainId)
    }
    const blobs = (await service.content.list()).length
    await images.sweep(new Set())
    assert.equal((await service.content.list()).length, blobs)
  })

  it('counts within two percent of du', async () => {
    const { layersSize } = await service.images.diskUsage()
    const du = (name: string) =>
      Number(
        execFileSync('du', ['-s', '--block-size=1', join(root, 'data', name)])
          .toString()
          .split('\t')[0],
      )
    const real = du('content') + du('snapshots')
    assert.ok(Math.abs(layersSize - real) < 0.02 * real, `${layersSize} counted, ${real} used`)
  })
})
