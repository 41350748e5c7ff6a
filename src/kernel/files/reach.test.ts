import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { DeadFileSystem } from '../../../test/support/dead-fs.ts'
import { HostMounts } from '../mounts/index.ts'
import { foreignMount, Reach } from './reach.ts'

describe('reach', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'berth-reach-'))
  const mounts = new HostMounts()
  after(async () => {
    for (const point of mounts.below(base)) await mounts.unmount(point)
    fs.rmSync(base, { recursive: true })
  })

  it('asks nobody about local files, and gives up on a server that hangs', async () => {
    const [point, bound, ram] = ['point', 'bound', 'ram'].map(name => join(base, name)) as [string, string, string]
    for (const made of [point, bound, ram]) fs.mkdirSync(made)
    await mounts.tmpfs(ram, [])
    assert.equal(foreignMount(base), undefined)
    assert.equal(foreignMount(ram), undefined)
    assert.equal(foreignMount(join(base, 'absent/below')), undefined)
    const dead = await DeadFileSystem.mount(point)
    try {
      await mounts.bind(point, bound)
      fs.symlinkSync('point', join(ram, 'dangling'))
      fs.symlinkSync('../point', join(ram, 'link'))
      assert.equal(foreignMount(join(ram, 'dangling/x')), undefined)
      for (const path of [point, join(point, 'a/b'), join(ram, 'link/a'), join(ram, '../ram/link')])
        assert.equal(foreignMount(path)?.point, point, path)
      assert.deepEqual(foreignMount(bound), { point: bound, type: 'fuse', source: 'dead' })
      const reach = new Reach(300)
      await reach.check(point)
      await reach.check(join(point, 'absent'))
      dead.hang()
      const words = /does not answer: it is on dead \(fuse\), mounted at .*point: check its server/
      await assert.rejects(reach.check(point), words)
      // From now on nobody waits.
      const began = performance.now()
      await assert.rejects(reach.check(join(point, 'other')), words)
      assert.ok(performance.now() - began < 200)
      // What only looks at the mount goes on.
      assert.equal(mounts.isMounted(bound), true)
      await mounts.unmount(bound)
      assert.equal(mounts.isMounted(bound), false)
      await reach.check(base)
    } finally {
      await dead.end(point)
    }
  })
})
