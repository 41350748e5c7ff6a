import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Files } from '#ports/files.ts'
import type { Usage } from '#ports/usage.ts'

/** What every `Usage` owes its callers. `files` are those that it measures, `base` is an empty directory. */
export function usageSuite(name: string, make: () => { usage: Usage; files: Files; base: string }): void {
  describe(`usage: ${name}`, () => {
    it('counts names and blocks, and what is absent as nothing', async () => {
      const { usage, files, base } = make()
      await files.makeDirectory(`${base}/d/e`)
      const empty = await usage.measure(`${base}/d`)
      assert.equal(empty.files, 1)
      await files.writeAtomic(`${base}/d/e/f`, 'x'.repeat(10_000))
      await files.writeAtomic(`${base}/d/g`, 'x')
      const full = await usage.measure(`${base}/d`)
      assert.equal(full.files, 3)
      assert.ok(full.bytes >= empty.bytes + 10_001)
      assert.deepEqual(await usage.measure(`${base}/d`, { background: true }), full)
      assert.deepEqual(await usage.measure(`${base}/none`), { bytes: 0, files: 0 })
      const file = await usage.measure(`${base}/d/e/f`)
      assert.equal(file.files, 1)
      assert.ok(file.bytes >= 10_000)
    })

    it('tells by its stamp when a directory has other entries, or is another', async () => {
      const { usage, files, base } = make()
      assert.equal(await usage.stamp(`${base}/d`), '')
      await files.makeDirectory(`${base}/d`)
      const first = await usage.stamp(`${base}/d`)
      assert.equal(await usage.stamp(`${base}/d`), first)
      // The kernel's clock ticks every few milliseconds.
      await new Promise(resolve => setTimeout(resolve, 20))
      await files.writeAtomic(`${base}/d/f`, 'x')
      const second = await usage.stamp(`${base}/d`)
      assert.notEqual(second, first)
      await files.rename(`${base}/d`, `${base}/other`)
      await files.makeDirectory(`${base}/d`)
      assert.notEqual(await usage.stamp(`${base}/d`), second)
    })

    it('ends a walk that nobody wants any more', async () => {
      const { usage, base } = make()
      await assert.rejects(usage.measure(base, { signal: AbortSignal.abort(new Error('no more')) }), /no more/)
    })
  })
}
