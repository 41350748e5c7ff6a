import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Block } from '#ports/block.ts'
import type { Mounts } from '#ports/mounts.ts'

const MB = 1 << 20

/** What every `Block` owes its callers. `directory` makes an empty directory. */
export function blockSuite(
  name: string,
  make: () => { block: Block; mounts: Mounts; base: string; directory: () => string },
): void {
  describe(`block: ${name}`, () => {
    it('formats, mounts, grows and unmounts images', async () => {
      for (const type of ['ext4', 'btrfs'] as const) {
        const { block, mounts, base, directory } = make()
        const target = directory()
        const image = `${base}/image`
        await block.format(image, { type, bytes: 160 * MB, preallocate: false })
        assert.deepEqual(await block.attached(base), [])
        await block.mount(target, type, image, [])
        assert.equal(mounts.isMounted(target), true)
        assert.deepEqual(
          (await block.attached(base)).map(({ file }) => file),
          [image],
        )
        await block.own(target, { uid: 5, gid: 6, mode: 0o700 })
        await block.thaw(target)
        await block.trim(target)
        const before = (await block.support(target)).totalBytes
        // Where ext4 may not grow while it is mounted, it does before.
        try {
          await block.grow(image, { type, bytes: 320 * MB, target })
        } catch (error) {
          assert.match(String(error), /cannot grow while it is in use/)
          await mounts.unmount(target)
          await block.grow(image, { type, bytes: 320 * MB })
          await block.mount(target, type, image, [])
        }
        const after = (await block.support(target)).totalBytes
        assert.ok(after > before + 140 * MB, `${type}: ${before} became ${after}`)
        await block.release(base)
        assert.equal(mounts.isMounted(target), true)
        await mounts.unmount(target)
        assert.deepEqual(await block.attached(base), [])
      }
    })

    it('copies an image that nobody has mounted', async () => {
      const { block, mounts, base, directory } = make()
      await block.format(`${base}/image`, { type: 'ext4', bytes: 16 * MB, preallocate: true })
      assert.notEqual(await block.copyImage(`${base}/image`, `${base}/copy`, { type: 'ext4' }), undefined)
      const target = directory()
      await block.mount(target, 'ext4', `${base}/copy`, [])
      await mounts.unmount(target)
    })

    it('copies btrfs so that both can be mounted', async () => {
      const { block, mounts, base, directory } = make()
      await block.format(`${base}/image`, { type: 'btrfs', bytes: 64 * MB, preallocate: false })
      await block.copyImage(`${base}/image`, `${base}/copy`, { type: 'btrfs' })
      const targets = [directory(), directory()] as const
      await block.mount(targets[0], 'btrfs', `${base}/image`, [])
      await block.mount(targets[1], 'btrfs', `${base}/copy`, [])
      assert.equal((await block.attached(base)).length, 2)
      for (const target of targets) await mounts.unmount(target)
    })

    it('fails to mount what is not there', async () => {
      const { block, mounts, base, directory } = make()
      const target = directory()
      await assert.rejects(block.mount(target, 'ext4', `${base}/absent`, []), /absent/)
      assert.equal(mounts.isMounted(target), false)
    })

    it('knows no limit of a directory without one', async () => {
      const { block, directory } = make()
      const made = directory()
      assert.equal(await block.limited(made), undefined)
      assert.ok((await block.support(made)).totalBytes > 0)
    })
  })
}
