import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { blockSuite } from '#ports/block.suite.ts'
import { HostMounts } from '../mounts/index.ts'
import { shareDirectory } from '../mounts/share-directory.ts'
import { hasErrno } from '../ffi/errno.ts'
import { HostBlock } from './host-block.ts'
import { decodeQuota, encodeLimit } from './project-quota.ts'

const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'berth-block-'))
const mounts = new HostMounts()
const block = new HostBlock(mounts)
let count = 0
const path = () => join(base, `p${count++}`)
const dir = () => {
  const made = path()
  fs.mkdirSync(made)
  return made
}
// Else a mount namespace that somebody copies meanwhile keeps what is mounted here.
if (process.getuid?.() === 0) shareDirectory(base)
after(async () => {
  for (const point of mounts.below(base)) await mounts.unmount(point)
  await block.release(base)
  assert.deepEqual(await block.attached(base), [])
  fs.rmSync(base, { recursive: true })
})
const MB = 1 << 20
const used = (file: string) => fs.statSync(file).blocks * 512

if (process.getuid?.() === 0) {
  blockSuite('host', () => ({ block, mounts, base: dir(), directory: dir }))
}

describe('block devices of the host', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  for (const type of ['ext4', 'btrfs'] as const) {
    it(`gives back what is deleted in an image with ${type}`, async () => {
      const [image, target] = [path(), dir()]
      await block.format(image, { type, bytes: 160 * MB, preallocate: false })
      await block.mount(target, type, image, [type === 'btrfs' ? 'discard=sync' : 'discard'])
      const empty = used(image)
      fs.writeFileSync(join(target, 'big'), Buffer.alloc(30 * MB, 7))
      spawnSync('sync', ['-f', target])
      assert.ok(used(image) > empty + 29 * MB, `${used(image)}`)
      fs.rmSync(join(target, 'big'))
      spawnSync('sync', ['-f', target])
      assert.ok(used(image) < empty + 5 * MB, `${used(image)} after, ${empty} before`)
      await mounts.unmount(target)
    })
  }

  it('mounts the three file systems from plain files, and parts of files', async () => {
    for (const [type, tool, ...args] of [
      ['ext4', 'mkfs.ext4', '-q', '-F'],
      ['xfs', 'mkfs.xfs', '-q', '-f'],
      ['btrfs', 'mkfs.btrfs', '-q', '-f'],
    ] as const) {
      const [image, target] = [path(), dir()]
      fs.closeSync(fs.openSync(image, 'w'))
      fs.truncateSync(image, 320 * MB)
      const { status, stderr } = spawnSync(tool, [...args, image], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      await block.mount(target, type, image, ['loop', 'noatime'])
      fs.writeFileSync(join(target, 'f'), type)
      // A second mount of the same file is the same file system, on the same device.
      const second = dir()
      await block.mount(second, type, image, [])
      assert.equal(fs.readFileSync(join(second, 'f'), 'utf8'), type)
      assert.equal((await block.attached(image)).length, 1)
      await mounts.unmount(target)
      await mounts.unmount(second)
      assert.deepEqual(await block.attached(image), [])
      await block.mount(target, type, image, ['ro'])
      assert.throws(() => fs.writeFileSync(join(target, 'g'), ''), { code: 'EROFS' })
      await mounts.unmount(target)
    }
    const [whole, part, target] = [path(), path(), dir()]
    await block.format(part, { type: 'ext4', bytes: 16 * MB, preallocate: false })
    fs.writeFileSync(whole, Buffer.concat([Buffer.alloc(MB), fs.readFileSync(part)]))
    await block.mount(target, 'ext4', whole, [`offset=${MB},sizelimit=${16 * MB}`])
    fs.writeFileSync(join(target, 'f'), 'x')
    await mounts.unmount(target)
    await assert.rejects(block.mount(target, 'ext4', whole, []), (error: unknown) => hasErrno(error, 'EINVAL'))
    assert.deepEqual(await block.attached(base), [])
  })

  it('releases devices of its own directory only', async () => {
    const [own, other, target] = [dir(), dir(), dir()]
    for (const at of [own, other])
      await block.format(join(at, 'i'), { type: 'ext4', bytes: 16 * MB, preallocate: false })
    const { stdout } = spawnSync('losetup', ['--show', '-f', join(other, 'i')], { encoding: 'utf8' })
    const foreign = stdout.trim()
    const orphan = spawnSync('losetup', ['--show', '-f', join(own, 'i')], { encoding: 'utf8' }).stdout.trim()
    try {
      assert.deepEqual(await block.attached(own), [{ device: orphan, file: join(own, 'i') }])
      await block.release(own)
      assert.deepEqual(await block.attached(own), [])
      assert.equal((await block.attached(other)).length, 1)
      // A mounted one stays until its mount goes.
      await block.mount(target, 'ext4', join(own, 'i'), [])
      await block.release(own)
      fs.writeFileSync(join(target, 'f'), 'still there')
      await mounts.unmount(target)
      assert.deepEqual(await block.attached(own), [])
    } finally {
      spawnSync('losetup', ['-d', foreign])
    }
  })

  it('snapshots and compresses where the file system is btrfs', async () => {
    const [image, target] = [path(), dir()]
    await block.format(image, { type: 'btrfs', bytes: 200 * MB, preallocate: false })
    await block.mount(target, 'btrfs', image, [])
    assert.equal((await block.support(target)).type, 'btrfs')
    await block.makeSubvolume(join(target, 'data'))
    fs.writeFileSync(join(target, 'data', 'f'), 'before')
    await block.snapshot(join(target, 'data'), join(target, 'snap'), { readonly: true })
    fs.writeFileSync(join(target, 'data', 'f'), 'after')
    assert.equal(fs.readFileSync(join(target, 'snap', 'f'), 'utf8'), 'before')
    assert.throws(() => fs.writeFileSync(join(target, 'snap', 'f'), ''), { code: 'EROFS' })
    await block.removeSubvolume(join(target, 'snap'))
    await block.removeSubvolume(join(target, 'snap'))
    assert.deepEqual(fs.readdirSync(target), ['data'])
    await block.compress(join(target, 'data'), 'zstd')
    const before = used(image)
    fs.writeFileSync(join(target, 'data', 'zeros'), Buffer.alloc(20 * MB, 'compressible '))
    spawnSync('sync', ['-f', target])
    assert.ok(used(image) - before < 5 * MB, `${used(image) - before}`)
    await mounts.unmount(target)
  })

  it('shares blocks of an image that is in use, where the disk can', async () => {
    const [disk, target, data] = [path(), dir(), dir()]
    fs.closeSync(fs.openSync(disk, 'w'))
    fs.truncateSync(disk, 400 * MB)
    assert.equal(spawnSync('mkfs.xfs', ['-q', '-f', disk]).status, 0)
    await block.mount(target, 'xfs', disk, [])
    const image = join(target, 'i')
    await block.format(image, { type: 'ext4', bytes: 64 * MB, preallocate: false })
    await block.mount(data, 'ext4', image, [])
    fs.writeFileSync(join(data, 'f'), 'before')
    assert.equal(await block.copyImage(image, join(target, 'copy'), { type: 'ext4', target: data }), 'reflink')
    fs.writeFileSync(join(data, 'f'), 'after')
    await mounts.unmount(data)
    await block.mount(data, 'ext4', join(target, 'copy'), [])
    assert.equal(fs.readFileSync(join(data, 'f'), 'utf8'), 'before')
    await mounts.unmount(data)
    await mounts.unmount(target)
  })

  it('says which program is missing, and leaves nothing of a full disk', async () => {
    const was = process.env.PATH
    const [small, target] = [path(), dir()]
    await mounts.tmpfs(target, ['size=4m'])
    await assert.rejects(
      block.format(join(target, 'i'), { type: 'ext4', bytes: 64 * MB, preallocate: true }),
      (error: unknown) => hasErrno(error, 'ENOSPC'),
    )
    assert.deepEqual(fs.readdirSync(target), [])
    await mounts.unmount(target)
    process.env.PATH = was
    assert.equal(fs.existsSync(small), false)
  })

  it('lays quotas out as quotactl(2) has them', () => {
    const quota = encodeLimit(10 * MB)
    assert.equal(quota.length, 72)
    assert.equal(quota.readBigUInt64LE(0), 10240n)
    assert.equal(quota.readUInt32LE(64), 1)
    quota.writeBigUInt64LE(4096n, 16)
    assert.deepEqual(decodeQuota(quota), { bytes: 4096, limit: 10 * MB })
  })
})
