import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { filesSuite } from '#ports/files.suite.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import { HostMounts } from '../mounts/index.ts'
import { HostFiles } from './host-files.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-files-'))
const files = new HostFiles()
after(() => fs.rmSync(base, { recursive: true }))

filesSuite('host', () => ({ files, base: fs.mkdtempSync(join(base, 's')) }))

describe('host files', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  it('copies owners, modes, times, attributes, links, nodes and holes', async () => {
    const from = join(base, 'from')
    fs.mkdirSync(join(from, 'sub'), { recursive: true })
    fs.writeFileSync(join(from, 'sub', 'f'), 'text')
    fs.chownSync(join(from, 'sub', 'f'), 4, 5)
    fs.chmodSync(join(from, 'sub', 'f'), 0o6711)
    fs.linkSync(join(from, 'sub', 'f'), join(from, 'hard'))
    fs.symlinkSync('sub/f', join(from, 'soft'))
    at.mknodat(at.AT_FDCWD, join(from, 'fifo'), at.S_IFIFO | 0o644)
    at.setXattr(join(from, 'sub', 'f'), 'user.note', Buffer.from([0, 200]))
    const sparse = fs.openSync(join(from, 'sparse'), 'w')
    fs.writeSync(sparse, 'start', 0)
    fs.writeSync(sparse, 'middle', 20 << 20)
    fs.ftruncateSync(sparse, 50 << 20)
    fs.closeSync(sparse)
    fs.chmodSync(from, 0o1750)
    fs.chownSync(from, 33, 34)
    fs.utimesSync(from, 1e9, 1e9)
    const to = join(base, 'to')
    await files.copyTree(from, to)
    const stat = (path: string) => fs.lstatSync(join(to, path))
    assert.deepEqual([stat('').mode & 0o7777, stat('').uid, stat('').gid, stat('').mtimeMs], [0o1750, 33, 34, 1e12])
    assert.deepEqual([stat('hard').mode & 0o7777, stat('hard').uid], [0o6711, 4])
    assert.equal(stat('hard').ino, stat('sub/f').ino)
    assert.equal(fs.readlinkSync(join(to, 'soft')), 'sub/f')
    assert.ok(stat('fifo').isFIFO())
    assert.deepEqual(at.getXattr(join(to, 'hard'), 'user.note'), Buffer.from([0, 200]))
    assert.ok(stat('sparse').blocks * 512 < 1 << 20)
    assert.ok(fs.readFileSync(join(to, 'sparse')).equals(fs.readFileSync(join(from, 'sparse'))))
    assert.equal(await files.usage(to), await files.usage(from))
  })

  it('measures as du does', async () => {
    const dir = join(base, 'du')
    fs.mkdirSync(join(dir, 'a', 'b'), { recursive: true })
    fs.writeFileSync(join(dir, 'a', 'f'), Buffer.alloc(123456, 1))
    fs.linkSync(join(dir, 'a', 'f'), join(dir, 'a', 'b', 'same'))
    fs.writeFileSync(join(dir, 'small'), 'x')
    const du = spawnSync('du', ['-s', '--block-size=1', dir]).stdout.toString()
    assert.equal(await files.usage(dir), Number.parseInt(du, 10))
    assert.equal(await files.usage(join(base, 'absent')), 0)
  })

  it('does not remove what is bound below from the same file system', async () => {
    const mounts = new HostMounts()
    const dir = join(base, 'bound')
    const source = join(base, 'bound-source')
    for (const path of [join(dir, 'a/mnt'), source]) fs.mkdirSync(path, { recursive: true })
    fs.writeFileSync(join(source, 'precious'), 'x')
    await mounts.filesystem(join(dir, 'a/mnt'), 'none', source, ['bind'])
    try {
      await assert.rejects(files.remove(dir), (error: unknown) => hasErrno(error, 'EBUSY'))
      await assert.rejects(files.remove(join(dir, 'a/mnt')), (error: unknown) => hasErrno(error, 'EBUSY'))
      assert.deepEqual(fs.readdirSync(source), ['precious'])
    } finally {
      await mounts.unmount(join(dir, 'a/mnt'))
    }
    await files.remove(dir)
    assert.deepEqual(fs.readdirSync(source), ['precious'])
    await files.remove(source)
  })

  it('does not remove what is mounted below', async () => {
    const mounts = new HostMounts()
    const dir = join(base, 'kept')
    fs.mkdirSync(join(dir, 'mnt'), { recursive: true })
    await mounts.tmpfs(join(dir, 'mnt'), [])
    fs.writeFileSync(join(dir, 'mnt', 'precious'), 'x')
    await assert.rejects(files.remove(dir), (error: unknown) => hasErrno(error, 'EBUSY'))
    assert.equal(fs.readFileSync(join(dir, 'mnt', 'precious'), 'utf8'), 'x')
    await mounts.unmount(join(dir, 'mnt'))
    await files.remove(dir)
    assert.equal(fs.existsSync(dir), false)
  })

  it('lets other work run while it removes and measures 5,000 files', async () => {
    const dir = join(base, 'many')
    for (let d = 0; d < 5; d++) {
      fs.mkdirSync(join(dir, `d${d}`), { recursive: true })
      for (let f = 0; f < 1000; f++) fs.writeFileSync(join(dir, `d${d}`, `f${f}`), '')
    }
    let last = performance.now()
    const gaps: number[] = []
    const timer = setInterval(() => {
      gaps.push(performance.now() - last)
      last = performance.now()
    }, 1)
    await files.usage(dir)
    await files.remove(dir)
    clearInterval(timer)
    gaps.sort((a, b) => a - b)
    assert.ok(gaps.length > 5 && gaps[Math.floor(gaps.length / 2)]! < 15, `median gap ${gaps[gaps.length >> 1]} ms`)
  })
})
