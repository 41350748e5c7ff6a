import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { mountsSuite } from '#ports/mounts.suite.ts'
import { hasErrno } from '../ffi/errno.ts'
import { HostMounts } from './host-mounts.ts'
import { mountOverlayClassic } from './overlay.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-mounts-'))
const mounts = new HostMounts()
let count = 0
const dir = (name = `d${count++}`) => {
  const path = join(base, name)
  fs.mkdirSync(path, { recursive: true })
  return path
}
after(async () => {
  for (const point of mounts.below(base)) await mounts.unmount(point)
  fs.rmSync(base, { recursive: true })
})

function layers(n: number): string[] {
  return Array.from({ length: n }, (_, i) => {
    const layer = dir()
    fs.writeFileSync(join(layer, `f${i}`), String(i))
    fs.writeFileSync(join(layer, 'top'), String(i))
    return layer
  })
}

if (process.getuid?.() === 0) {
  mountsSuite('host', () => {
    const own = dir()
    return { mounts, base: own, directory: name => dir(join(own.slice(base.length), name)) }
  })
}

describe('host mounts', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  it('overlays 1, 3 and 500 layers, topmost first', async () => {
    for (const n of [1, 3, 500]) {
      const [target, upper, work] = [dir(), dir(), dir()]
      const lower = layers(n)
      await mounts.overlay(target, { lower, upper, work })
      assert.equal(mounts.isMounted(target), true)
      assert.equal(fs.readFileSync(join(target, 'top'), 'utf8'), '0')
      assert.equal(fs.readFileSync(join(target, `f${n - 1}`), 'utf8'), String(n - 1))
      fs.writeFileSync(join(target, 'new'), 'x')
      assert.equal(fs.readFileSync(join(upper, 'new'), 'utf8'), 'x')
      await mounts.unmount(target)
      assert.equal(mounts.isMounted(target), false)
    }
  })

  it('overlays 200 layers on kernels without lowerdir+, and paths with colons, commas and over 255 bytes', async () => {
    const target = dir()
    mountOverlayClassic(target, { lower: layers(200), upper: dir(), work: dir() }, false, false)
    assert.equal(fs.readFileSync(join(target, 'f199'), 'utf8'), '199')
    await mounts.unmount(target)
    const odd = dir('with:colon,comma')
    fs.writeFileSync(join(odd, 'f'), 'odd')
    const long = dir(join('a'.repeat(150), 'b'.repeat(150)))
    mountOverlayClassic(target, { lower: [odd, long] }, true, false)
    assert.equal(fs.readFileSync(join(target, 'f'), 'utf8'), 'odd')
    await mounts.unmount(target)
    await mounts.overlay(target, { lower: [odd, long] }, { readonly: true })
    assert.equal(fs.readFileSync(join(target, 'f'), 'utf8'), 'odd')
    assert.throws(() => fs.writeFileSync(join(target, 'f'), 'x'), { code: 'EROFS' })
    await mounts.unmount(target)
  })

  it('names the layer that is missing', async () => {
    const target = dir()
    await assert.rejects(
      mounts.overlay(target, { lower: [join(base, 'absent')], upper: dir(), work: dir() }),
      (error: unknown) => hasErrno(error, 'ENOENT') && /absent/.test((error as Error).message),
    )
    assert.equal(mounts.isMounted(target), false)
  })

  it('binds read-only, recursively with the mounts below, and files', async () => {
    const [source, target] = [dir(), dir()]
    fs.mkdirSync(join(source, 'sub'))
    await mounts.tmpfs(join(source, 'sub'), ['size=1m', 'mode=0700', 'nosuid'])
    await mounts.bind(source, target, { recursive: true, readonly: true, propagation: 'rprivate' })
    assert.throws(() => fs.writeFileSync(join(target, 'x'), ''), { code: 'EROFS' })
    assert.throws(() => fs.writeFileSync(join(target, 'sub', 'x'), ''), { code: 'EROFS' })
    fs.writeFileSync(join(source, 'sub', 'x'), 'still writable at the source')
    const info = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    assert.match(
      info.find(line => line.includes(`${target}/sub `))!,
      /ro,nosuid/,
    )
    assert.deepEqual(mounts.below(target), [join(target, 'sub'), target])
    for (const point of mounts.below(target)) await mounts.unmount(point)
    await mounts.unmount(join(source, 'sub'))
    const [file, onto] = [join(base, 'file'), join(base, 'onto')]
    fs.writeFileSync(file, 'content')
    fs.writeFileSync(onto, '')
    await mounts.bind(file, onto)
    assert.equal(fs.readFileSync(onto, 'utf8'), 'content')
    assert.equal(mounts.isMounted(onto), true)
    await mounts.unmount(onto)
    await assert.rejects(mounts.bind(join(base, 'absent'), target), /bind mounting .*absent on .* failed/)
    await assert.rejects(mounts.bind(source, target, { propagation: 'wild' }), /invalid propagation mode "wild"/)
  })

  it('maps the owners of a bind both ways, recursively, and says when it cannot', async t => {
    const [source, target] = [dir(), dir()]
    const file = (tree: string, name: string) => join(tree, name)
    for (const [name, uid, gid] of [
      ['root', 0, 0],
      ['user', 1000, 1001],
      ['beyond', 70_000, 0],
    ] as const) {
      fs.writeFileSync(file(source, name), name)
      fs.chownSync(file(source, name), uid, gid)
    }
    const owner = (path: string) => {
      const { uid, gid } = fs.statSync(path)
      return [uid, gid]
    }
    const range = [{ from: 0, to: 100_000, length: 65_536 }]
    const idmap = { uids: range, gids: range }
    try {
      await mounts.bind(source, target, { recursive: true, propagation: 'rprivate', idmap })
    } catch (error) {
      return t.skip((error as Error).message)
    }
    assert.deepEqual(owner(file(target, 'root')), [100_000, 100_000])
    assert.deepEqual(owner(file(target, 'user')), [101_000, 101_001])
    assert.deepEqual(owner(file(target, 'beyond')), [65_534, 100_000])
    fs.chownSync(file(target, 'user'), 100_007, 100_008)
    assert.deepEqual(owner(file(source, 'user')), [7, 8])
    assert.throws(() => fs.writeFileSync(file(target, 'new'), ''), { code: 'EOVERFLOW' }) // root is nobody there
    await assert.rejects(mounts.bind(target, dir(), { idmap }), /its owners are mapped already/)
    await mounts.unmount(target)
    await assert.rejects(mounts.bind('/proc', target, { idmap }), (error: Error) => {
      return hasErrno(error, 'EINVAL') && /\/proc on .* failed: its file system cannot map owners/.test(error.message)
    })
    assert.equal(mounts.isMounted(target), false)
  })

  it('unmounts what is busy, and what is not mounted', async () => {
    const target = dir()
    await mounts.tmpfs(target, [])
    const fd = fs.openSync(join(target, 'held'), 'w')
    await mounts.unmount(target)
    assert.equal(mounts.isMounted(target), false)
    fs.closeSync(fd)
    await mounts.unmount(target)
    await mounts.unmount(join(base, 'absent'))
    assert.equal(mounts.isMounted(join(base, 'absent')), false)
  })

  it('asks servers on threads of their own, and says what the kernel says', async () => {
    const target = dir()
    // No server of FUSE has this descriptor.
    const options = ['fd=999,rootmode=40000,user_id=0,group_id=0']
    await assert.rejects(mounts.filesystem(target, 'fuse', 'none', options), (error: unknown) =>
      hasErrno(error, 'EINVAL'),
    )
    await mounts.tmpfs(target, [])
    await mounts.unmount(target, { mayHang: true })
    assert.equal(mounts.isMounted(target), false)
    await mounts.unmount(target, { mayHang: true })
  })

  it('mounts file systems by type and options, binds by option, and explains refusals', async () => {
    const target = dir('with space')
    await mounts.filesystem(target, 'tmpfs', 'tmpfs', ['size=2m,mode=0751', 'noexec', 'defaults'])
    assert.equal(fs.statSync(target).mode & 0o7777, 0o751)
    assert.deepEqual(mounts.below(base), [target])
    await mounts.unmount(target)
    const source = dir()
    await mounts.filesystem(target, 'none', source, ['bind,ro'])
    assert.throws(() => fs.writeFileSync(join(target, 'x'), ''), { code: 'EROFS' })
    await mounts.unmount(target)
    await assert.rejects(mounts.filesystem(target, 'nosuchfs', 'x', []), /does not know the file system type nosuchfs/)
    await assert.rejects(mounts.filesystem(target, 'tmpfs', 'tmpfs', ['size=wrong']), /an option is wrong/)
    await assert.rejects(
      mounts.filesystem(target, 'ext4', join(base, 'absent'), ['password=hush']),
      (error: Error) => /an option is wrong/.test(error.message) && !error.message.includes('hush'),
    )
    await assert.rejects(mounts.filesystem(target, 'ext4', join(base, 'absent'), []), /the source does not exist/)
  })
})
