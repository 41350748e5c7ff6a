import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { encodeEnd, encodeEntry, encodeGlobal, encodePadding, fromText, parseWhiteout, TarReader } from './index.ts'
import type { TarEntry } from './index.ts'

interface Member {
  entry: TarEntry
  content: Buffer
}

/** Parses in chunks of `step` bytes, so that every boundary is met. */
function parse(archive: Buffer, step: number): Member[] {
  const members: Member[] = []
  let ends = 0
  const reader = new TarReader({
    entry: entry => members.push({ entry, content: Buffer.alloc(0) }),
    data: chunk => (members.at(-1)!.content = Buffer.concat([members.at(-1)!.content, chunk])),
    end: () => ends++,
  })
  for (let at = 0; at < archive.length; at += step) reader.push(archive.subarray(at, at + step))
  reader.finish()
  assert.equal(ends, members.length)
  return members
}

function entry(over: Partial<TarEntry>): TarEntry {
  return {
    name: 'f',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: { seconds: 1700000000, nanos: 0 },
    linkName: '',
    major: 0,
    minor: 0,
    xattrs: undefined,
    ...over,
  }
}

function pack(members: { entry: TarEntry; content?: Buffer }[]): Buffer {
  const parts = members.flatMap(({ entry, content = Buffer.alloc(0) }) => [
    encodeEntry({ ...entry, size: content.length }),
    content,
    encodePadding(content.length),
  ])
  return Buffer.concat([...parts, encodeEnd()])
}

const capability = Buffer.from('0100000200ff80000000fe0000000000000a3d', 'hex')
const members: { entry: TarEntry; content?: Buffer }[] = [
  { entry: entry({ name: 'dir/', type: 'directory', mode: 0o1777 }) },
  { entry: entry({ name: 'dir/f', mode: 0o4755, uid: 1000, gid: 3_000_000 }), content: Buffer.from('hello') },
  { entry: entry({ name: `${'long/'.repeat(40)}name` }), content: Buffer.alloc(1025, 7) },
  { entry: entry({ name: fromText('ünïcode ✓') }) },
  { entry: entry({ name: 'latin1-\xe9' }) },
  { entry: entry({ name: 'ping', xattrs: new Map([['security.capability', capability]]) }) },
  { entry: entry({ name: 's', type: 'symlink', linkName: 'x'.repeat(150), mode: 0o777 }) },
  { entry: entry({ name: 'h', type: 'link', linkName: 'dir/f' }) },
  { entry: entry({ name: 'null', type: 'char', major: 1, minor: 3 }) },
  { entry: entry({ name: 'fifo', type: 'fifo' }) },
]

describe('tar', () => {
  it('comes back as written, whatever the chunks', () => {
    const archive = pack(members)
    for (const step of [archive.length, 512, 513, 100, 7]) {
      const read = parse(archive, step)
      assert.equal(read.length, members.length)
      for (const [i, member] of members.entries()) {
        const { size, ...rest } = { ...member.entry }
        assert.ok(size === 0)
        for (const [key, value] of Object.entries(rest)) {
          assert.deepEqual(read[i]!.entry[key as keyof TarEntry], value, `${member.entry.name}: ${key}`)
        }
        assert.deepEqual(read[i]!.content, member.content ?? Buffer.alloc(0))
      }
    }
  })

  it('is read by GNU tar, and reads what GNU tar writes in its three formats', () => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'berth-tar-'))
    const listing = spawnSync('tar', ['-tvf', '-', '--numeric-owner'], { input: pack(members) })
    assert.equal(listing.status, 0, listing.stderr.toString())
    assert.match(listing.stdout.toString(), /-rwsr-xr-x 1000\/3000000 +5 .* dir\/f/)
    const long = 'n'.repeat(140)
    fs.mkdirSync(join(dir, 'd'))
    fs.writeFileSync(join(dir, 'd', long), 'content')
    fs.symlinkSync('t'.repeat(120), join(dir, 'd', 'link'))
    for (const format of ['gnu', 'pax', 'ustar', 'v7']) {
      if (format === 'ustar' || format === 'v7') {
        fs.rmSync(join(dir, 'd', long), { force: true })
        fs.rmSync(join(dir, 'd', 'link'), { force: true })
        fs.writeFileSync(join(dir, 'd', 'short'), 'content')
      }
      const made = spawnSync('tar', ['-C', dir, '--format', format, '-cf', '-', 'd'], { maxBuffer: 1 << 20 })
      const read = parse(made.stdout, 333)
      assert.equal(read[0]!.entry.type, 'directory')
      const file = read.find(member => member.entry.type === 'file')!
      assert.equal(file.content.toString(), 'content')
      if (format === 'gnu' || format === 'pax') {
        assert.equal(file.entry.name, `d/${long}`)
        assert.equal(read.find(member => member.entry.type === 'symlink')!.entry.linkName, 't'.repeat(120))
      }
    }
    fs.rmSync(dir, { recursive: true })
  })

  it('refuses what is damaged, cut short, or no tar', () => {
    const archive = pack(members)
    assert.throws(() => parse(archive.subarray(0, 3000), 512), /was cut short/)
    assert.throws(() => parse(Buffer.alloc(2048, 'x'), 512), /wrong checksum/)
    const damaged = Buffer.from(archive)
    damaged[600] = 0xff
    assert.throws(() => parse(damaged, 512), /wrong checksum/)
    assert.deepEqual(parse(Buffer.alloc(1024), 512), [])
    assert.deepEqual(parse(Buffer.alloc(0), 512), [])
  })

  it('keeps nanoseconds, times before the epoch, access times and comments', () => {
    const times = [
      { seconds: 1_700_000_000, nanos: 1 },
      { seconds: -1, nanos: 0 },
      { seconds: -1, nanos: 250_000_000 },
      { seconds: -2, nanos: 750_000_000 },
      { seconds: 10_000_000_000, nanos: 999_999_999 },
    ]
    const written = times.map((mtime, i) =>
      entry({ name: `f${i}`, mtime, atime: times.at(-1 - i)!, comment: `ü=${i}\n` }),
    )
    const read = parse(pack(written.map(entry => ({ entry }))), 512)
    assert.deepEqual(
      read.map(({ entry }) => entry),
      written,
    )
  })

  it('tells what a header for all members says, and takes nothing of it for a comment of theirs', () => {
    const told: [string, string][][] = []
    const found: TarEntry[] = []
    const reader = new TarReader({
      entry: entry => found.push(entry),
      data: () => {},
      end: () => {},
      global: records => told.push([...records]),
    })
    const archive = Buffer.concat([encodeGlobal(new Map([['comment', 'of all']])), pack([{ entry: entry({}) }])])
    const rest = reader.push(Buffer.concat([archive, Buffer.from('after the end')]))
    assert.deepEqual(told, [[['comment', 'of all']]])
    assert.equal(found[0]!.comment, undefined)
    assert.equal(reader.ended, true)
    assert.equal(rest.toString('latin1', 512), 'after the end')
  })

  it('stores files without their holes, as GNU tar does', () => {
    const files: [number, [number, number][]][] = [
      [10_000, [[4096, 1024]]],
      [
        10_000,
        [
          [0, 512],
          [9216, 784],
        ],
      ],
      [10_000, []],
      [1 << 20, Array.from({ length: 200 }, (_, i): [number, number] => [i * 5120, 512])],
    ]
    for (const [size, data] of files) {
      const stored = data.reduce((sum, [, length]) => sum + length, 0)
      const content = Buffer.alloc(stored, 'x')
      const sparse = entry({ name: 'dir/sparse', size, data })
      const archive = Buffer.concat([encodeEntry(sparse), content, encodePadding(stored), pack(members)])
      for (const step of [archive.length, 512, 100]) {
        const found: { entry: TarEntry; length: number }[] = []
        const handler = {
          entry: (entry: TarEntry) => found.push({ entry, length: 0 }),
          data: (chunk: Buffer) => (found.at(-1)!.length += chunk.length),
          end: () => {},
        }
        const reader = new TarReader(handler, { sparse: true })
        for (let at = 0; at < archive.length; at += step) reader.push(archive.subarray(at, at + step))
        assert.deepEqual(found[0], { entry: sparse, length: stored })
        assert.equal(found.length, members.length + 1)
      }
      assert.throws(() => parse(archive, 512), /stored sparse, which is not supported/)
      const dir = fs.mkdtempSync(join(tmpdir(), 'berth-tar-'))
      const unpacked = spawnSync('tar', ['-C', dir, '-xf', '-', 'dir/sparse'], { input: archive })
      assert.equal(unpacked.status, 0, unpacked.stderr.toString())
      const expected = Buffer.alloc(size)
      for (const [offset, length] of data) expected.fill('x', offset, offset + length)
      assert.ok(fs.readFileSync(join(dir, 'dir/sparse')).equals(expected))
      fs.rmSync(dir, { recursive: true })
    }
  })

  it('knows whiteouts', () => {
    assert.deepEqual(parseWhiteout('.wh.gone'), { kind: 'delete', name: 'gone' })
    assert.deepEqual(parseWhiteout('.wh..wh..opq'), { kind: 'opaque' })
    assert.deepEqual(parseWhiteout('.wh..wh.plnk'), { kind: 'ignored' })
    assert.equal(parseWhiteout('.whatever'), undefined)
  })
})
