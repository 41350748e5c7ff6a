import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeVolumes, killAtEveryCall, ROOT } from './testing/harness.ts'

type Host = ReturnType<typeof fakeVolumes>
const names = (host: Host) => host.volumes.list(new Map()).map(volume => volume.name)
const forms: [string, Record<string, string>][] = [
  ['a directory', {}],
  ['a directory with an owner', { uid: '999', mode: '0700' }],
  ['a share', { type: 'nfs', device: ':/export', o: 'addr=10.0.0.5' }],
]

for (const [form, options] of forms) {
  describe(`volumes: the daemon killed at every call, ${form}`, () => {
    it('create: there with all that was asked for, or not at all', async () => {
      const counts = new Set<number>()
      await killAtEveryCall(
        async () => {},
        t => t.create('data', { options, labels: { a: 'b' } }),
        async (t, moment) => {
          counts.add(names(t).length)
          assert.deepEqual(await t.files.list(ROOT), names(t), `${moment}`)
          for (const volume of t.volumes.list(new Map()))
            assert.deepEqual([volume.labels, volume.options], [{ a: 'b' }, options])
          // And it can be made after all.
          await t.create('data', { options })
        },
      )
      assert.deepEqual(counts, new Set([0, 1]))
    })

    it('remove and mount: whole or gone, and nobody counts as a user who is not', async () => {
      await killAtEveryCall(
        async t => void (await t.create('data', { options })),
        async t => {
          await t.volumes.mount('data', 'c1')
          await t.volumes.unmount('data', 'c1')
          await t.volumes.remove('data', { force: false })
        },
        async (t, moment) => {
          assert.deepEqual(await t.files.list(ROOT), names(t), `${moment}`)
          assert.deepEqual(t.mounts.mounted, [], `${moment}`)
          await t.volumes.remove('data', { force: true })
          assert.deepEqual(await t.files.list(ROOT), [])
        },
      )
    })

    it('the trash emptied: in it whole, or gone', async () => {
      await killAtEveryCall(
        async t => {
          for (const name of ['one', 'two']) {
            await t.create(name, { options })
            await t.volumes.remove(name, { force: false, keep: 86_400_000 })
          }
          t.volumes.close()
        },
        t => t.volumes.emptyTrash(),
        async (t, moment) => {
          const kept = t.volumes.deleted()
          const directories = kept.map(entry => entry.directory.slice(ROOT.length + 1))
          assert.deepEqual(await t.files.list(ROOT), directories.toSorted(), `${moment}`)
          for (const { id, volume } of kept) assert.deepEqual(await t.volumes.restoreDeleted(id), volume)
          t.volumes.close()
        },
      )
    })

    it('filled from an image: empty, or with all of it', async () => {
      if (options.type !== undefined) return
      await killAtEveryCall(
        async t => {
          await t.create('data', { options })
          await t.files.makeDirectory('/image', { mode: 0o700, uid: 70, gid: 71 })
          for (const name of ['a', 'b']) await t.files.writeAtomic(`/image/${name}`, name)
        },
        t => t.volumes.copyUp('data', '/image'),
        async (t, moment) => {
          const files = (await t.files.list(`${ROOT}/data/_data`)).join()
          assert.ok(files === '' || files === 'a,b', `${moment}: ${files}`)
          assert.deepEqual(await t.files.list(`${ROOT}/data`), ['_data'], `${moment}`)
          assert.deepEqual(names(t), ['data'])
        },
      )
    })
  })
}
