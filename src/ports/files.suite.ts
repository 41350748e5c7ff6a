import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Files } from '#ports/files.ts'

/** What every `Files` owes its callers. `make` gives one with an empty directory to work in. */
export function filesSuite(name: string, make: () => { files: Files; base: string }): void {
  describe(`files: ${name}`, () => {
    it('writes, reads and overwrites', async () => {
      const { files, base } = make()
      await files.makeDirectory(`${base}/d`)
      await files.writeAtomic(`${base}/d/f`, 'one', 0o600)
      assert.equal(await files.read(`${base}/d/f`), 'one')
      assert.equal((await files.stat(`${base}/d/f`))!.mode, 0o600)
      await files.writeAtomic(`${base}/d/f`, 'two')
      await files.writeInPlace(`${base}/d/f`, 'three')
      assert.equal(await files.read(`${base}/d/f`), 'three')
      assert.deepEqual(await files.list(`${base}/d`), ['f'])
      await assert.rejects(files.read(`${base}/absent`), /absent/)
      await assert.rejects(files.writeAtomic(`${base}/no/dir`, 'x'), /no\/dir/)
    })

    it('makes directories with their parents, and lets existing ones be', async () => {
      const { files, base } = make()
      await files.makeDirectory(`${base}/a/b/c`, { mode: 0o700, uid: 5, gid: 6 })
      const made = (await files.stat(`${base}/a/b/c`))!
      assert.deepEqual([made.kind, made.mode, made.uid, made.gid, made.name], ['directory', 0o700, 5, 6, 'c'])
      await files.makeDirectory(`${base}/a/b/c`, { mode: 0o755 })
      assert.equal((await files.stat(`${base}/a/b/c`))!.mode, 0o700)
      assert.equal(await files.isEmptyDirectory(`${base}/a/b/c`), true)
      assert.equal(await files.isEmptyDirectory(`${base}/a`), false)
      assert.equal(await files.stat(`${base}/absent`), undefined)
      assert.equal(await files.stat(`${base}/absent/below`, { follow: true }), undefined)
    })

    it('renames and removes trees; removing twice is fine', async () => {
      const { files, base } = make()
      await files.makeDirectory(`${base}/t/sub`)
      await files.writeAtomic(`${base}/t/sub/f`, 'x')
      await files.rename(`${base}/t`, `${base}/u`)
      assert.equal(await files.read(`${base}/u/sub/f`), 'x')
      assert.equal(await files.stat(`${base}/t`), undefined)
      await files.remove(`${base}/u`)
      await files.remove(`${base}/u`)
      await files.remove(`${base}/never/was`)
      assert.deepEqual(await files.list(base), [])
    })

    it('copies a tree with its owner and mode, onto a directory that exists', async () => {
      const { files, base } = make()
      await files.makeDirectory(`${base}/from`, { mode: 0o711, uid: 8, gid: 9 })
      await files.writeAtomic(`${base}/from/f`, 'content')
      await files.makeDirectory(`${base}/to`)
      await files.copyTree(`${base}/from`, `${base}/to`)
      assert.equal(await files.read(`${base}/to/f`), 'content')
      const top = (await files.stat(`${base}/to`))!
      assert.deepEqual([top.mode, top.uid, top.gid], [0o711, 8, 9])
      assert.ok((await files.usage(`${base}/to`)) >= 4096)
    })

    it('exchanges two trees in one step', async () => {
      const { files, base } = make()
      await files.makeDirectory(`${base}/new/sub`)
      await files.writeAtomic(`${base}/new/sub/f`, 'new')
      await files.makeDirectory(`${base}/old`)
      await files.writeAtomic(`${base}/old/f`, 'old')
      await files.exchange(`${base}/new`, `${base}/old`)
      assert.deepEqual([await files.list(`${base}/old`), await files.list(`${base}/new`)], [['sub'], ['f']])
      assert.equal(await files.read(`${base}/old/sub/f`), 'new')
      assert.equal(await files.read(`${base}/new/f`), 'old')
      await assert.rejects(files.exchange(`${base}/new`, `${base}/absent`), /absent/)
      await files.sync(base)
      await files.syncFileSystem(`${base}/old`)
      await assert.rejects(files.sync(`${base}/absent`), /absent/)
    })

    it('moves what is in a directory, and its looks', async () => {
      const { files, base } = make()
      await files.makeDirectory(`${base}/from/sub`)
      await files.writeAtomic(`${base}/from/f`, 'f')
      await files.writeAtomic(`${base}/from/stays`, 's')
      await files.makeDirectory(`${base}/to`, { mode: 0o750, uid: 3, gid: 4 })
      await files.writeAtomic(`${base}/to/f`, 'replaced')
      await files.moveEntries(`${base}/from`, `${base}/to`, ['stays'])
      assert.deepEqual([await files.list(`${base}/from`), await files.list(`${base}/to`)], [['stays'], ['f', 'sub']])
      assert.equal(await files.read(`${base}/to/f`), 'f')
      await files.copyAttributes(`${base}/to`, `${base}/from`)
      const like = (await files.stat(`${base}/from`))!
      assert.deepEqual([like.mode, like.uid, like.gid], [0o750, 3, 4])
      await files.writeAtomic(`${base}/from/later`, 'x')
      await files.copyTimes(`${base}/to`, `${base}/from`)
      const times = await Promise.all(['from', 'to'].map(name => files.stat(`${base}/${name}`)))
      assert.equal(times[0]!.mtimeMs, times[1]!.mtimeMs)
      await assert.rejects(files.moveEntries(`${base}/absent`, `${base}/to`, []), /absent/)
    })
  })
}
