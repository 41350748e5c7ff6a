import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { encodeEnd, encodeEntry, encodePadding } from '#codec/tar/index.ts'
import type { TarEntry } from '#codec/tar/index.ts'
import { isKind } from '#lib/errors.ts'
import * as at from '../ffi/fs.ts'
import { HostRootedFiles } from './rooted-files.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-rooted-'))
const files = new HostRootedFiles()
after(() => fs.rmSync(base, { recursive: true }))
let count = 0

/** A root with the usual traps; beside it a file that nothing may touch. */
function makeRoot(): string {
  const root = join(base, `r${count++}`, 'root')
  fs.mkdirSync(join(root, 'etc'), { recursive: true })
  fs.mkdirSync(join(root, 'usr', 'lib'), { recursive: true })
  fs.writeFileSync(join(root, 'etc', 'passwd'), 'inside')
  fs.writeFileSync(join(root, '..', 'secret'), 'outside')
  fs.symlinkSync('/etc', join(root, 'abs'))
  fs.symlinkSync('../../../../etc', join(root, 'rel'))
  fs.symlinkSync('usr/lib', join(root, 'lib'))
  fs.symlinkSync('../..', join(root, 'up'))
  fs.symlinkSync('/nowhere/x', join(root, 'dangling'))
  fs.symlinkSync('loop', join(root, 'loop'))
  return root
}

type Over = Partial<TarEntry> & { name: string; content?: string }

function tar(...members: Over[]): Readable {
  return Readable.from([archive(...members)])
}

function archive(...members: Over[]): Buffer {
  const parts = members.flatMap(({ content = '', ...over }) => {
    const entry: TarEntry = {
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      mtime: { seconds: 1700000000, nanos: 0 },
      linkName: '',
      major: 0,
      minor: 0,
      xattrs: undefined,
      ...over,
    }
    return [encodeEntry(entry), Buffer.from(content), encodePadding(content.length)]
  })
  return Buffer.concat([...parts, encodeEnd()])
}

function listing(bytes: Buffer): string[] {
  const result = spawnSync('tar', ['-tf', '-'], { input: bytes })
  assert.equal(result.status, 0, result.stderr.toString())
  return result.stdout.toString().trim().split('\n')
}

describe('rooted files', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  it('reads inside, whatever dots and links say', async () => {
    const root = makeRoot()
    for (const path of [
      '/etc/passwd',
      'etc/passwd',
      '/abs/passwd',
      '/rel/passwd',
      '/../../etc/passwd',
      '/up/etc/passwd',
    ])
      assert.equal(await files.read(root, path, 100), 'inside', path)
    assert.equal(await files.resolve(root, '/lib/../lib'), '/usr/lib')
    assert.equal(await files.resolve(root, '/'), '/')
    await assert.rejects(files.read(root, '/../secret', 100), (e: unknown) => isKind(e, 'not-found'))
    await assert.rejects(files.read(root, '/dangling', 100), (e: unknown) => isKind(e, 'not-found'))
    await assert.rejects(files.read(root, '/loop', 100), /too many symbolic links: \/loop/)
    await assert.rejects(files.read(root, '/etc', 100), /is a directory, not a file/)
    await assert.rejects(files.read(root, '/etc/passwd', 3), /larger than 3 bytes/)
    await assert.rejects(files.read(root, '/etc/passwd/x', 3), /not a directory: \/etc\/passwd\/x/)
    await assert.rejects(files.read(root, '/a\0b', 3), /NUL/)
  })

  it('stats links themselves, with the place where they end', async () => {
    const root = makeRoot()
    const link = await files.stat(root, '/lib')
    assert.deepEqual([link.kind, link.target, link.name], ['symlink', '/usr/lib', 'lib'])
    assert.equal((await files.stat(root, '/lib/')).kind, 'directory')
    assert.equal((await files.stat(root, '/dangling')).target, '/nowhere/x')
    assert.equal((await files.stat(root, '/')).name, '/')
    assert.equal((await files.stat(root, '/etc/passwd')).size, 6)
    await assert.rejects(files.stat(root, '/absent'), (e: unknown) => isKind(e, 'not-found'))
  })

  it('archives a file, a directory, its content, a link and the whole root', async () => {
    const root = makeRoot()
    fs.linkSync(join(root, 'etc', 'passwd'), join(root, 'etc', 'same'))
    fs.mkdirSync(join(root, 'etc', 'd'))
    at.mknodat(at.AT_FDCWD, join(root, 'etc', 'd', 'fifo'), at.S_IFIFO | 0o644)
    const names = async (path: string) => listing(await buffer(await files.archive(root, path)))
    assert.deepEqual(await names('/etc/passwd'), ['passwd'])
    assert.deepEqual(await names('/etc'), ['etc/', 'etc/d/', 'etc/d/fifo', 'etc/passwd', 'etc/same'])
    assert.deepEqual(await names('/abs/.'), ['./', './d/', './d/fifo', './passwd', './same'])
    assert.deepEqual(await names('/abs'), ['abs'])
    const all = await names('/')
    assert.ok(all.includes('etc/passwd') && all.includes('usr/lib/') && !all.includes('./'))
    await assert.rejects(files.archive(root, '/absent'), (e: unknown) => isKind(e, 'not-found'))
    const verbose = spawnSync('tar', ['-tvf', '-'], { input: await buffer(await files.archive(root, '/etc')) })
    assert.match(verbose.stdout.toString(), /etc\/same link to etc\/passwd/)
  })

  it('leaves no descriptor behind when the reader goes away', async () => {
    const root = makeRoot()
    const open = () => fs.readdirSync('/proc/self/fd').length
    const before = open()
    const closed = (stream: Readable) => new Promise(resolve => stream.once('close', resolve).destroy())
    await closed(await files.archive(root, '/etc'))
    const half = await files.archive(root, '/')
    half.once('data', () => half.pause())
    await new Promise(resolve => setTimeout(resolve, 10))
    await closed(half)
    await files.extract(root, '/etc', tar({ name: 'x' }))
    await files.extract(root, '/etc', Readable.from([Buffer.alloc(600, 'x')])).catch(() => {})
    assert.equal(open(), before)
  })

  it('unpacks with owner, mode, times, links and devices, plain and compressed', async () => {
    const root = makeRoot()
    const members: Over[] = [
      { name: 'd', type: 'directory', mode: 0o1777, uid: 7, gid: 8 },
      { name: 'd/f', content: 'text', mode: 0o4751, uid: 5, gid: 6 },
      { name: 'd/h', type: 'link', linkName: 'd/f' },
      { name: 'd/s', type: 'symlink', linkName: '/etc/passwd', uid: 9 },
      { name: 'd/null', type: 'char', major: 1, minor: 3, mode: 0o666 },
      { name: 'made/on/the/way', content: 'x' },
      { name: 'caps', xattrs: new Map([['user.note', Buffer.from([0, 255, 1])]]) },
    ]
    const plain = archive(...members)
    // Made by the programs where they are installed: Node has no xz and no bzip2.
    const made = ['xz', 'bzip2'].map(program => spawnSync(program, ['-c'], { input: plain }))
    const others = made.filter(({ status }) => status === 0).map(({ stdout }) => stdout)
    const packed = [plain, gzipSync(plain), zstdCompressSync(plain), ...others]
    for (const [i, bytes] of packed.entries()) {
      fs.mkdirSync(join(root, `to${i}`))
      await files.extract(root, `/to${i}`, Readable.from([bytes]))
      const at = (name: string) => fs.lstatSync(join(root, `to${i}`, name))
      assert.deepEqual([at('d/f').mode & 0o7777, at('d/f').uid, at('d/f').gid], [0o4751, 5, 6])
      assert.equal(at('d/f').ino, at('d/h').ino)
      assert.equal(at('d').mtimeMs, 1700000000000)
      assert.deepEqual([at('d').mode & 0o7777, at('d').uid], [0o1777, 7])
      assert.deepEqual([at('d/s').isSymbolicLink(), at('d/s').uid, at('d/s').mtimeMs], [true, 9, 1700000000000])
      assert.ok(at('d/null').isCharacterDevice() && at('d/null').rdev === 259)
      assert.equal(fs.readFileSync(join(root, `to${i}`, 'made/on/the/way'), 'utf8'), 'x')
    }
    await files.extract(root, '/to0', tar({ name: 'owned', uid: 3 }), { chown: { uid: 11, gid: 12 } })
    assert.deepEqual([fs.statSync(join(root, 'to0/owned')).uid, fs.statSync(join(root, 'to0/owned')).gid], [11, 12])
  })

  it('writes large files whole, whatever comes before and after them', async () => {
    const root = makeRoot()
    const big = (n: number) => Array.from({ length: n }, (_, i) => String.fromCharCode(97 + (i % 23))).join('')
    const members: Over[] = [
      { name: 'small1', content: 'one' },
      { name: 'big1', content: big(700_001) },
      { name: 'small2', content: 'two' },
      { name: 'big2', content: big(300_000) },
      { name: 'big3', content: big(1 << 20) },
    ]
    await files.extract(root, '/', tar(...members))
    for (const { name, content } of members) assert.equal(fs.readFileSync(join(root, name), 'latin1'), content, name)
    await assert.rejects(
      files.extract(root, '/', Readable.from([archive({ name: 'cut', content: big(700_001) }).subarray(0, 500_000)])),
      /was cut short/,
    )
  })

  it('never leaves the root while unpacking', async () => {
    const root = makeRoot()
    const secret = join(root, '..', 'secret')
    await assert.rejects(files.extract(root, '/', tar({ name: '../secret', content: 'x' })), /leads out of its root/)
    await assert.rejects(files.extract(root, '/', tar({ name: 'a/../../secret', content: 'x' })), /leads out/)
    const attacks: Over[][] = [
      [{ name: '/secret', content: 'x' }],
      [
        { name: 'l', type: 'symlink', linkName: '../' },
        { name: 'l/secret', content: 'x' },
      ],
      [{ name: 'up/secret', content: 'x' }],
      [
        { name: 'h', type: 'link', linkName: 'up/secret' },
        { name: 'h', content: 'x' },
      ],
      [
        { name: 's', type: 'symlink', linkName: secret },
        { name: 's', content: 'x' },
      ],
      [
        { name: 'k', type: 'symlink', linkName: secret },
        { name: 'k2', type: 'link', linkName: 'k' },
        { name: 'k2', mode: 0o777, content: 'x' },
      ],
    ]
    for (const attack of attacks) {
      await files.extract(root, '/', tar(...attack)).catch(() => {})
      assert.equal(fs.readFileSync(secret, 'utf8'), 'outside')
      assert.equal(fs.statSync(secret).nlink, 1)
      assert.equal(fs.statSync(secret).mode & 0o777, 0o644)
    }
    assert.equal(fs.readFileSync(join(root, 'secret'), 'utf8'), 'x')
    await files.extract(root, '/', tar({ name: 'lib/new.so', content: 'so' }))
    assert.equal(fs.readFileSync(join(root, 'usr/lib/new.so'), 'utf8'), 'so')
  })

  it('replaces as tar does, unless a directory and a file would change places', async () => {
    const root = makeRoot()
    const strict = { noOverwriteDirNonDir: true }
    await assert.rejects(
      files.extract(root, '/', tar({ name: 'etc', content: 'x' }), strict),
      /cannot overwrite directory "etc"/,
    )
    const directory: Over = { name: 'etc/passwd', type: 'directory' }
    await assert.rejects(files.extract(root, '/', tar(directory), strict), /cannot overwrite non-directory "passwd"/)
    await files.extract(root, '/', tar({ name: 'etc/passwd', content: 'new' }), strict)
    assert.equal(fs.readFileSync(join(root, 'etc/passwd'), 'utf8'), 'new')
    await files.extract(root, '/', tar({ name: 'etc', content: 'a file now' }, { name: 'after', content: '1' }))
    assert.equal(fs.readFileSync(join(root, 'etc'), 'utf8'), 'a file now')
    await files.extract(root, '/', tar({ name: 'etc', type: 'directory' }, { name: 'etc/x', content: '1' }))
    assert.equal(fs.readFileSync(join(root, 'etc/x'), 'utf8'), '1')
    await assert.rejects(files.extract(root, '/etc/x', tar()), /extraction point is not a directory/)
    await assert.rejects(files.extract(root, '/absent', tar()), (e: unknown) => isKind(e, 'not-found'))
  })

  it('makes directories with an owner, through links', async () => {
    const root = makeRoot()
    await files.makeDirectories(root, '/lib/a/b', { uid: 1, gid: 2 })
    assert.deepEqual([fs.statSync(join(root, 'usr/lib/a/b')).uid, fs.statSync(join(root, 'usr/lib/a/b')).gid], [1, 2])
    await files.makeDirectories(root, '/lib/a/b')
    await files.makeDirectories(root, '/')
  })

  it('says of names and links that cannot be that the archive is wrong', async () => {
    const root = makeRoot()
    for (const member of [
      { name: 'n'.repeat(300) },
      { name: 'n'.repeat(5000) },
      { name: 'etc/passwd/x' },
      { name: 'l', type: 'link' as const, linkName: 'nothing/here' },
    ]) {
      await assert.rejects(files.extract(root, '/', tar(member)), {
        kind: 'invalid',
        message: /^archive cannot be unpacked: .{1,200}$/,
      })
    }
  })
})
