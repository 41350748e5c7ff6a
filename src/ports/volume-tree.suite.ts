import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { TreeEntry, VolumeTree } from '#ports/volume-tree.ts'

/** What every `VolumeTree` owes its callers. `make` gives an empty one. */
export function volumeTreeSuite(name: string, make: () => Promise<{ tree: VolumeTree; dispose: () => void }>): void {
  describe(`volume tree: ${name}`, () => {
    const made: { tree: VolumeTree; dispose: () => void }[] = []
    const anew = async () => {
      made.push(await make())
      return made.at(-1)!.tree
    }
    after(async () => {
      for (const { tree, dispose } of made) {
        await tree.close()
        dispose()
      }
    })
    const content = (value: string) => Readable.from([Buffer.from(value)], { objectMode: false })
    const write = (tree: VolumeTree, path: string, value = path) => tree.write(path, content(value), { modified: 1000 })
    const walked = async (tree: VolumeTree) => {
      const all: string[] = []
      for await (const entry of tree.walk() as AsyncIterable<TreeEntry>) {
        all.push('file' in entry ? entry.file.path : `skipped ${entry.skipped}`)
      }
      return all
    }

    it('writes with directories on the way, reads back, replaces', async () => {
      const tree = await anew()
      await tree.write('a/b/c', content('one'), { modified: 1_234_567_890_000, mode: 0o640, uid: 5, gid: 6 })
      const found = await tree.stat('a/b/c')
      assert.deepEqual(found, { path: 'a/b/c', size: 3, modified: 1_234_567_890_000, mode: 0o640, uid: 5, gid: 6 })
      const { file, content: stream } = await tree.read('a/b/c')
      assert.deepEqual(file, found)
      assert.equal(await text(stream), 'one')
      await tree.write('a/b/c', content('two!'), { modified: 5000 })
      const replaced = (await tree.stat('a/b/c'))!
      assert.deepEqual([replaced.size, replaced.modified, replaced.mode], [4, 5000, 0o644])
    })

    it('walks in the order of the bytes of whole paths', async () => {
      const tree = await anew()
      const paths = ['a-', 'a/b', 'a/c/d', 'a0', 'B', 'é', '\u{1f600}', '\uff5e', 'a.b/c', 'ab']
      for (const path of paths) await write(tree, path)
      const expected = paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      assert.deepEqual(await walked(tree), expected)
    })

    it('removes files, and what is gone is removed', async () => {
      const tree = await anew()
      await write(tree, 'd/x')
      await tree.remove('d/x')
      await tree.remove('d/x')
      await tree.remove('none/x')
      assert.equal(await tree.stat('d/x'), undefined)
      assert.deepEqual(await walked(tree), [])
      await assert.rejects(tree.read('d/x'), error => isKind(error, 'not-found'))
    })

    it('content that fails leaves what was there', async () => {
      const tree = await anew()
      await write(tree, 'kept', 'old')
      for (const path of ['kept', 'new']) {
        const failing = Readable.from(
          (async function* () {
            yield Buffer.from('half')
            throw new Error('broke')
          })(),
          { objectMode: false },
        )
        await assert.rejects(tree.write(path, failing, { modified: 1 }), /^Error: broke$/)
      }
      assert.deepEqual(await walked(tree), ['kept'])
      assert.equal(await text((await tree.read('kept')).content), 'old')
    })

    it('takes no path that leads out', async () => {
      const tree = await anew()
      for (const path of ['', '/a', '../a', 'a/../../b', 'a//b', 'a/', './a', 'nul\0']) {
        await assert.rejects(write(tree, path), error => isKind(error, 'invalid'), JSON.stringify(path))
      }
    })

    it('a file is no directory, nor a directory a file', async () => {
      const tree = await anew()
      await write(tree, 'f')
      await write(tree, 'd/x')
      await assert.rejects(write(tree, 'f/y'), error => isKind(error, 'invalid'))
      await assert.rejects(write(tree, 'd'), error => isKind(error, 'invalid'))
      assert.deepEqual(await walked(tree), ['d/x', 'f'])
    })
  })
}
