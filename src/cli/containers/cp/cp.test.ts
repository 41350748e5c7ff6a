import assert from 'node:assert/strict'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test from 'node:test'
import { encodeEnd, encodeEntry, encodePadding, type TarEntry } from '#codec/tar/index.ts'
import { extractTo } from './extract.ts'
import { pack } from './pack.ts'
import { place, renamed, splitCopyArgument } from './paths.ts'

function scratch(t: test.TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'berth-cp-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const entry = (name: string, type: TarEntry['type'], more: Partial<TarEntry> = {}): Buffer =>
  encodeEntry({
    name,
    type,
    mode: type === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: { seconds: 1_600_000_000, nanos: 0 },
    linkName: '',
    major: 0,
    minor: 0,
    xattrs: undefined,
    ...more,
  })

const file = (name: string, text: string) =>
  Buffer.concat([entry(name, 'file', { size: text.length }), Buffer.from(text), encodePadding(text.length)])

const tar = (...parts: Buffer[]) => Readable.from([Buffer.concat([...parts, encodeEnd()])])

test('arguments', () => {
  assert.deepEqual(splitCopyArgument('c:/x'), { container: 'c', path: '/x' })
  assert.deepEqual(splitCopyArgument('/a:b'), { path: '/a:b' })
  assert.deepEqual(splitCopyArgument('./a:b'), { path: './a:b' })
  assert.deepEqual(splitCopyArgument('a'), { path: 'a' })
})

test('where a copy lands', () => {
  const dir = { isDirectory: true, base: 'src' }
  const contents = { isDirectory: true, base: '.' }
  const plain = { isDirectory: false, base: 'f' }
  const there = (path: string, isDirectory: boolean) => ({ path, exists: true, isDirectory })
  const absent = (path: string) => ({ path, exists: false, isDirectory: false })
  assert.deepEqual(place(plain, there('/d', true)), { directory: '/d', name: 'f' })
  assert.deepEqual(place(plain, there('/d/g', false)), { directory: '/d', name: 'g' })
  assert.deepEqual(place(plain, absent('/d/g')), { directory: '/d', name: 'g' })
  assert.throws(() => place(plain, absent('/d/g/')), { message: 'no such directory' })
  assert.deepEqual(place(dir, there('/d', true)), { directory: '/d', name: 'src' })
  assert.deepEqual(place(dir, absent('/d/g')), { directory: '/d', name: 'g' })
  assert.deepEqual(place(contents, there('/d', true)), { directory: '/d', name: '.' })
  assert.deepEqual(place(contents, absent('/g/')), { directory: '/', name: 'g' })
  assert.throws(() => place(dir, there('/d/f', false)), { message: 'cannot copy directory' })
})

test('the root of an archive gets its new name, what is in it keeps its own', () => {
  assert.equal(renamed('old/', 'old', 'new'), 'new')
  assert.equal(renamed('old/a/b', 'old', 'new'), 'new/a/b')
  assert.equal(renamed('old/old', 'old', 'new'), 'new/old')
  assert.equal(renamed('./', '.', 'new'), 'new')
  assert.equal(renamed('./a', '.', '.'), 'a')
  assert.equal(renamed('old/a', 'old', '.'), 'a')
  assert.equal(renamed('old', 'old', '.'), '.')
})

test('pack and extract: content, modes, links, hard links, times', async t => {
  const base = scratch(t)
  const source = join(base, 'src')
  mkdirSync(join(source, 'sub'), { recursive: true })
  writeFileSync(join(source, 'sub', 'f'), 'x'.repeat(100_000), { mode: 0o640 })
  linkSync(join(source, 'sub', 'f'), join(source, 'sub', 'hard'))
  symlinkSync('f', join(source, 'sub', 'soft'))
  writeFileSync(join(source, 'empty'), '')
  const out = join(base, 'out')
  mkdirSync(out)
  let bytes = 0
  const stream = pack(source, 'src', { follow: false, onBytes: n => (bytes += n) })
  const copied = await extractTo(stream, { directory: out, name: 'copy', owners: false, warn: assert.fail })
  assert.equal(bytes, 100_000)
  assert.equal(copied, 100_000)
  assert.equal(readFileSync(join(out, 'copy/sub/f'), 'utf8'), 'x'.repeat(100_000))
  assert.equal(statSync(join(out, 'copy/sub/f')).mode & 0o777, 0o640)
  assert.equal(statSync(join(out, 'copy/sub/f')).ino, statSync(join(out, 'copy/sub/hard')).ino)
  assert.equal(readlinkSync(join(out, 'copy/sub/soft')), 'f')
  const seconds = (path: string) => Math.floor(statSync(path).mtimeMs / 1000)
  assert.equal(seconds(join(out, 'copy/sub')), seconds(join(source, 'sub')))
})

test('an archive from a hostile container stays inside', async t => {
  const base = scratch(t)
  const out = join(base, 'out')
  mkdirSync(out)
  writeFileSync(join(base, 'victim'), 'safe')
  const extract = (stream: Readable) => extractTo(stream, { directory: out, name: 'r', owners: false, warn: () => {} })
  await assert.rejects(extract(tar(entry('r/', 'directory'), file('r/../../victim', 'evil'))), /leads out of it/)
  await assert.rejects(
    extract(tar(entry('r/', 'directory'), entry('r/l', 'symlink', { linkName: base }), file('r/l/victim', 'evil'))),
    /leads through a link out of/,
  )
  await assert.rejects(
    extract(tar(entry('r/', 'directory'), entry('r/h', 'link', { linkName: '../../victim' }))),
    /leads out of it/,
  )
  // A link in the place of a file is replaced, not written through.
  rmSync(join(out, 'r'), { recursive: true, force: true })
  await extract(
    tar(entry('r/', 'directory'), entry('r/v', 'symlink', { linkName: join(base, 'victim') }), file('r/v', 'mine')),
  )
  assert.equal(readFileSync(join(base, 'victim'), 'utf8'), 'safe')
  assert.equal(readFileSync(join(out, 'r/v'), 'utf8'), 'mine')
  assert.equal(existsSync(join(base, 'r')), false)
})

test('a directory does not replace a file, nor a file a directory', async t => {
  const out = scratch(t)
  mkdirSync(join(out, 'd'))
  writeFileSync(join(out, 'f'), '')
  const extract = (name: string, stream: Readable) =>
    extractTo(stream, { directory: out, name, owners: false, warn: () => {} })
  await assert.rejects(extract('d', tar(file('x', 'y'))), /cannot overwrite directory/)
  await assert.rejects(extract('f', tar(entry('x/', 'directory'))), /cannot overwrite non-directory/)
})
