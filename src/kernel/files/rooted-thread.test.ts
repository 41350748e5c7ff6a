import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { DeadFileSystem } from '../../../test/support/dead-fs.ts'
import { isKind } from '#lib/errors.ts'
import { HostMounts } from '../mounts/index.ts'
import { HostRootedFiles } from './rooted-files.ts'
import { ThreadedRootedFiles } from './rooted-thread.ts'

describe('rooted files on threads', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  const base = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'berth-rooted-'))
  const mounts = new HostMounts()
  after(async () => {
    for (const point of mounts.below(base)) await mounts.unmount(point)
    fs.rmSync(base, { recursive: true })
  })
  const files = new ThreadedRootedFiles()
  const local = new HostRootedFiles()

  it('do what they do elsewhere, streams and errors too', async () => {
    const [from, to] = ['from', 'to'].map(name => join(base, name)) as [string, string]
    for (const path of [from, to]) fs.mkdirSync(path)
    fs.writeFileSync(join(from, 'big'), Buffer.alloc(3 << 20, 'some text'))
    fs.symlinkSync('big', join(from, 'link'))
    for (const path of ['/', '/big', '/link'])
      assert.deepEqual(await files.stat(from, path), await local.stat(from, path))
    const tar = await buffer(await files.archive(from, '/.'))
    assert.ok(tar.equals(await buffer(await local.archive(from, '/.'))))
    await files.extract(to, '/', Readable.from([tar.subarray(0, 1000), tar.subarray(1000)]))
    assert.ok(fs.readFileSync(join(to, 'link')).equals(fs.readFileSync(join(from, 'big'))))
    await files.makeDirectories(to, '/a/b', { uid: 5, gid: 6 })
    assert.equal(fs.statSync(join(to, 'a/b')).gid, 6)
    assert.equal(await files.resolve(to, '/link'), '/big')
    await assert.rejects(files.read(to, '/absent', 10), (error: unknown) => isKind(error, 'not-found'))
    await assert.rejects(files.read(to, '/big', 10), (error: unknown) => isKind(error, 'invalid'))
    await assert.rejects(files.extract(to, '/big', Readable.from([tar])), /extraction point is not a directory/)
    // One that is not wanted any more, or is wrong, or never ends.
    ;(await files.archive(from, '/.')).destroy()
    await assert.rejects(files.extract(to, '/', Readable.from(['no tar at all'.repeat(100)])))
    const endless = new Readable({ read() {} })
    endless.push('no tar at all'.repeat(100))
    await assert.rejects(files.extract(to, '/', endless))
  })

  it('leave one behind that hangs in the middle', async () => {
    const point = join(base, 'point')
    fs.mkdirSync(point)
    const dead = await DeadFileSystem.mount(point)
    try {
      const impatient = new ThreadedRootedFiles(500)
      assert.equal((await impatient.stat(point, '/')).kind, 'directory')
      dead.hang()
      await assert.rejects(impatient.stat(point, '/a'), /point\/a does not answer: check its server/)
      await assert.rejects(impatient.archive(point, '/a'), /does not answer/)
      assert.equal((await impatient.stat(base, '/')).kind, 'directory')
    } finally {
      await dead.end(point)
    }
  })
})
