import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKind, system } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { VolumeChange } from '../changes.ts'
import { fakeVolumes, killAtEveryCall, ROOT } from '../testing/harness.ts'

const share = { type: 'nfs', device: ':/export', o: 'addr=10.0.0.5' }
const kind = (wanted: Parameters<typeof isKind>[1], words: RegExp) => (error: unknown) =>
  isKind(error, wanted) && words.test((error as Error).message)
const names = (host: ReturnType<typeof fakeVolumes>) => host.volumes.list(new Map()).map(volume => volume.name)
const underWay = (host: ReturnType<typeof fakeVolumes>) => host.store.repository<VolumeChange>('volume-changes').list()

for (const [where, options] of [
  ['a directory', {}],
  ['a share', share],
] as const) {
  describe(`volumes: stage in ${where}`, () => {
    it('shows a new volume only when it is whole', async () => {
      const t = fakeVolumes()
      const staged = await t.stage('data', { options, labels: { tier: 'db' } })
      await t.files.makeDirectory(`${staged.path}/sub`)
      await t.files.writeAtomic(`${staged.path}/sub/f`, 'restored')
      assert.deepEqual(names(t), [])
      assert.throws(() => t.volumes.get('data'), kind('not-found', /no such volume/))
      const volume = await staged.commit()
      assert.deepEqual([volume.name, volume.labels, volume.options], ['data', { tier: 'db' }, options])
      assert.equal(volume.mountpoint, `${ROOT}/data/_data`)
      assert.match(volume.createdAt, /^2/)
      assert.deepEqual(t.volumes.get('data'), volume)
      assert.equal(await t.read('data', 'sub/f'), 'restored')
      assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['sub'])
      assert.deepEqual(await t.files.list(ROOT), ['data'])
      assert.deepEqual([underWay(t), t.events, t.mounts.mounted], [[], ['create data'], []])
      await staged.abort()
      assert.equal(await t.read('data', 'sub/f'), 'restored')
    })

    it('replaces what a volume has, with owner and mode, and keeps its labels', async () => {
      const t = fakeVolumes()
      const before = await t.create('data', { options, labels: { a: 'b' } })
      await t.write('data', 'old', 'old')
      await assert.rejects(t.stage('data'), kind('conflict', /^replace data: volume has data/))
      const staged = await t.stage('data', { replace: true, labels: { c: 'd' } })
      await t.files.writeAtomic(`${staged.path}/new`, 'new')
      await t.files.makeDirectory('/looks', { mode: 0o700, uid: 70, gid: 71 })
      await t.files.copyAttributes('/looks', staged.path)
      assert.equal(await t.read('data', 'old'), 'old')
      assert.deepEqual(await staged.commit(), before)
      assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['new'])
      const { mode, uid, gid } = (await t.files.stat(`${ROOT}/data/_data`))!
      assert.deepEqual([mode, uid, gid], [0o700, 70, 71])
      await new Promise(resolve => setTimeout(resolve, 1))
      assert.deepEqual(await t.files.list(ROOT), ['data'])
      assert.deepEqual([underWay(t), t.mounts.mounted], [[], []])
    })

    it('leaves nothing, and changes nothing, when it is given up', async () => {
      const t = fakeVolumes()
      await t.create('data', { options })
      await t.write('data', 'old', 'old')
      const root = await t.files.stat(`${ROOT}/data/_data`)
      for (const name of ['data', 'other']) {
        const staged = await t.stage(name, { options, replace: true })
        await t.files.writeAtomic(`${staged.path}/new`, 'new')
        await staged.abort()
        await staged.abort()
        await assert.rejects(staged.commit())
      }
      assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['old'])
      assert.deepEqual(await t.files.stat(`${ROOT}/data/_data`), root)
      assert.deepEqual([await t.files.list(ROOT), names(t), underWay(t)], [['data'], ['data'], []])
      assert.deepEqual(t.mounts.mounted, [])
      await t.volumes.remove('data', { force: false })
      await t.create('other')
    })

    it('refuses a volume that a container has mounted, at the beginning and at the end', async () => {
      const t = fakeVolumes()
      t.volumes.setUsers(
        () => [],
        id => (id === 'c1' ? 'web' : 'db'),
      )
      await t.create('data', { options })
      await t.volumes.mount('data', 'c1')
      await t.volumes.mount('data', 'c2')
      await assert.rejects(
        t.stage('data', { replace: true }),
        kind('conflict', /^replace data: volume is in use by containers db and web: stop them first$/),
      )
      await t.volumes.unmount('data', 'c1')
      await t.volumes.unmount('data', 'c2')
      const staged = await t.stage('data', { replace: true })
      await t.volumes.mount('data', 'c1')
      await assert.rejects(staged.commit(), kind('conflict', /in use by container web: stop it first/))
      await staged.abort()
      await t.volumes.unmount('data', 'c1')
      assert.deepEqual([underWay(t), t.mounts.mounted], [[], []])
    })

    it('goes back when the volume cannot be recorded, or a step fails', async () => {
      const t = fakeVolumes()
      const staged = await t.stage('data', { options })
      await t.files.writeAtomic(`${staged.path}/new`, 'new')
      const sync = t.files.sync.bind(t.files)
      t.files.sync = async () => {
        throw system('no space left on device')
      }
      await assert.rejects(staged.commit(), /no space left/)
      t.files.sync = sync
      await staged.abort()
      assert.deepEqual([await t.files.list(ROOT), names(t), underWay(t)], [[], [], []])
      await t.create('data', { options })
      await t.write('data', 'old', 'old')
      const again = await t.stage('data', { replace: true })
      await t.files.writeAtomic(`${again.path}/new`, 'new')
      t.files.sync = async () => {
        throw system('no space left on device')
      }
      await assert.rejects(again.commit(), /no space left/)
      t.files.sync = sync
      assert.deepEqual(
        (await t.files.list(`${ROOT}/data/_data`)).filter(name => !name.startsWith('.')),
        ['old'],
      )
      await again.abort()
      assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['old'])
      assert.deepEqual([await t.files.list(ROOT), underWay(t), t.mounts.mounted], [['data'], [], []])
    })

    it('lets one of two that are made at once win', async () => {
      const t = fakeVolumes()
      const first = await t.stage('data', { options })
      const second = await t.stage('data', { options }).catch((error: unknown) => error as Error)
      await t.files.writeAtomic(`${first.path}/f`, 'first')
      await first.commit()
      if (second instanceof Error) assert.match(second.message, /^create data: a volume named data is just being made$/)
      else {
        await assert.rejects(second.commit(), kind('conflict', /volume was replaced by another|was made meanwhile/))
        await second.abort()
      }
      assert.equal(await t.read('data', 'f'), 'first')
      assert.deepEqual(underWay(t), [])
    })

    it('is the old volume or the new one, whenever the daemon is killed', async () => {
      const moments = await killAtEveryCall(
        async t => {
          await t.create('data', { options, labels: { a: 'b' } })
          await t.write('data', 'one', 'old')
          await t.write('data', 'two', 'old')
        },
        async t => {
          const staged = await t.stage('data', { replace: true })
          await t.files.writeAtomic(`${staged.path}/one`, 'new')
          await t.files.writeAtomic(`${staged.path}/three`, 'new')
          await staged.commit()
        },
        async (t, moment) => {
          const files = (await t.files.list(`${ROOT}/data/_data`)).join()
          assert.ok(files === 'one,two' || files === 'one,three', `${moment}: ${files}`)
          assert.equal(await t.read('data', 'one'), files === 'one,two' ? 'old' : 'new')
          assert.deepEqual(t.volumes.get('data').labels, { a: 'b' })
          assert.deepEqual([await t.files.list(ROOT), underWay(t)], [['data'], []], `${moment}`)
          assert.deepEqual(t.mounts.mounted, [])
        },
      )
      assert.ok(moments >= 9, `${moments} moments`)
    })

    it('is there whole with its labels or not at all, whenever the daemon is killed', async () => {
      let made = 0
      const moments = await killAtEveryCall(
        async () => {},
        async t => {
          const staged = await t.stage('data', { options, labels: { a: 'b' } })
          await t.files.writeAtomic(`${staged.path}/one`, 'new')
          await t.files.writeAtomic(`${staged.path}/two`, 'new')
          await staged.commit()
        },
        async (t, moment) => {
          assert.deepEqual([underWay(t), t.mounts.mounted], [[], []], `${moment}`)
          assert.deepEqual(await t.files.list(ROOT), names(t), `${moment}`)
          if (names(t).length === 0) return
          made++
          assert.deepEqual(t.volumes.get('data').labels, { a: 'b' })
          assert.deepEqual(t.volumes.get('data').options, options)
          assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['one', 'two'])
        },
      )
      assert.ok(moments >= 9 && made >= 2, `${moments} moments, ${made} made`)
    })
  })
}

describe('volumes: stage', () => {
  it('finishes on first use what a silent server kept from being finished', async () => {
    const t = fakeVolumes()
    await t.create('data', { options: share })
    await t.write('data', 'old', 'old')
    const staged = await t.stage('data', { replace: true })
    await t.files.writeAtomic(`${staged.path}/new`, 'new')
    const copyAttributes = t.files.copyAttributes.bind(t.files)
    let calls = 0
    t.files.copyAttributes = (from, to) => (++calls === 4 ? new Promise<void>(() => {}) : copyAttributes(from, to))
    void staged.commit()
    await new Promise(resolve => setTimeout(resolve, 2))
    t.files.copyAttributes = copyAttributes
    const after = fakeVolumes(t)
    t.mounts.mounted.length = 0
    t.mounts.refuse(`${ROOT}/data/_data`, 'EHOSTUNREACH')
    await after.volumes.recover(new Map())
    assert.equal(underWay(after).length, 1)
    await assert.rejects(after.volumes.mount('data', 'c'), /EHOSTUNREACH/)
    t.mounts.allow(`${ROOT}/data/_data`)
    await after.volumes.mount('data', 'c')
    assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['new'])
    assert.deepEqual([await t.files.list(ROOT), underWay(after)], [['data'], []])
  })

  it('that is given up while it is committed is one or the other, and the old content is never lost', async () => {
    const t = fakeVolumes()
    await t.create('data')
    await t.write('data', 'old', 'old')
    const staged = await t.stage('data', { replace: true })
    await t.files.writeAtomic(`${staged.path}/new`, 'new')
    // The disk takes its time; meanwhile whoever wanted it is gone.
    const slow = Promise.withResolvers<void>()
    t.files.syncFileSystem = () => slow.promise
    const committed = staged.commit().catch((error: unknown) => error)
    const remove = t.files.remove.bind(t.files)
    const removing = Promise.withResolvers<void>()
    t.files.remove = async path => {
      // Half of it, and then the rest.
      await remove(`${path}/_data/new`)
      slow.resolve()
      await removing.promise
      await remove(path)
    }
    const aborted = staged.abort()
    const outcome = await committed
    removing.resolve()
    await aborted
    assert.ok(outcome instanceof Error && kind('conflict', /given up/)(outcome))
    assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['old'])
    assert.deepEqual([await t.files.list(ROOT), underWay(t)], [['data'], []])
  })

  it('is refused when the volume got other options since it was begun', async () => {
    const t = fakeVolumes()
    const before = await t.create('data')
    const staged = await t.stage('data', { replace: true })
    t.store.repository<VolumeRecord>('volumes').put('data', { ...before, options: { size: '2g' } })
    await assert.rejects(staged.commit(), kind('conflict', /was changed meanwhile/))
    await staged.abort()
  })

  it('what an abort could not take away is gone before the next one uses the volume', async () => {
    const t = fakeVolumes()
    await t.create('data', { options: share })
    await t.write('data', 'old', 'old')
    const staged = await t.stage('data', { replace: true })
    const remove = t.files.remove.bind(t.files)
    t.files.remove = async () => {
      throw system('the server is away')
    }
    await assert.rejects(staged.abort(), /server is away/)
    t.files.remove = remove
    await t.volumes.mount('data', 'c1')
    assert.deepEqual(await t.files.list(`${ROOT}/data/_data`), ['old'])
    assert.deepEqual(underWay(t), [])
  })

  it('does not let a volume be removed, or made, while it is replaced in place', async () => {
    const t = fakeVolumes()
    await t.create('data', { options: share })
    const staged = await t.stage('data')
    await assert.rejects(t.volumes.remove('data', { force: true }), kind('conflict', /in use - \[staging /))
    await staged.abort()
    const made = await t.stage('other', { options: share })
    await assert.rejects(t.create('other'), kind('conflict', /just being made/))
    await made.abort()
  })
})
