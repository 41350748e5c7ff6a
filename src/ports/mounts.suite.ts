import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Mounts } from '#ports/mounts.ts'

/** What every `Mounts` owes its callers. `directory` makes an empty directory below `base`. */
export function mountsSuite(
  name: string,
  make: () => { mounts: Mounts; base: string; directory: (name: string) => string },
): void {
  describe(`mounts: ${name}`, () => {
    it('knows what it mounted, and unmounting twice is fine', async () => {
      const { mounts, base, directory } = make()
      const target = directory('t')
      assert.equal(mounts.isMounted(target), false)
      await mounts.tmpfs(target, ['size=1m', 'mode=0700'])
      assert.equal(mounts.isMounted(target), true)
      assert.equal(mounts.isMounted(base), false)
      assert.equal(mounts.isMounted(`${target}/below`), false)
      await mounts.unmount(target)
      await mounts.unmount(target)
      assert.equal(mounts.isMounted(target), false)
    })

    it('lists what is below, deepest first, and nothing beside', async () => {
      const { mounts, base, directory } = make()
      const [outer, beside, source] = [directory('outer'), directory('outer-beside'), directory('source')]
      await mounts.tmpfs(outer, [])
      await mounts.tmpfs(beside, [])
      await mounts.bind(source, outer, { readonly: true })
      assert.deepEqual(mounts.below(outer), [outer, outer])
      assert.equal(mounts.below(base).length, 3)
      for (const point of mounts.below(base)) await mounts.unmount(point)
      assert.deepEqual(mounts.below(base), [])
    })

    it('mounts an overlay and file systems by name', async () => {
      const { mounts, base, directory } = make()
      const [lower, upper, work] = [directory('l'), directory('u'), directory('w')]
      await mounts.overlay(directory('o'), { lower: [lower], upper, work })
      await mounts.filesystem(directory('f'), 'tmpfs', 'tmpfs', ['size=1m', 'ro'])
      assert.equal(mounts.below(base).length, 2)
      for (const point of mounts.below(base)) await mounts.unmount(point)
    })
  })
}
