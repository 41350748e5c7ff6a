import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import type { BackupEntry, BackupFormat, BackupHeader } from '#model/backup.ts'
import {
  ContentDigest,
  decodeTrailer,
  digestOf,
  encodeTrailer,
  formatOf,
  gzipMember,
  indexLines,
  IndexWriter,
  Segments,
  TRAILER_SIZE,
  treeLine,
  unwrapIndex,
  wrapIndex,
} from './index.ts'

const FORMATS: BackupFormat[] = ['zstd', 'gzip', 'tar']
const header: BackupHeader = {
  version: 1,
  id: 'a'.repeat(32),
  createdAt: '2026-01-02T03:04:05Z',
  volumes: [{ name: 'v', driver: 'local', labels: { a: 'ü' }, options: {}, consistency: 'live' }],
}

function entry(over: Partial<BackupEntry>): BackupEntry {
  const rest = { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: [1, 2] as [number, number] }
  return { volume: 0, path: 'p', type: 'file', ...rest, digest: 'd'.repeat(64), ...over }
}

/** In pieces of the lengths that are given, then the rest. */
function pieces(bytes: Buffer, lengths: number[]): Buffer[] {
  const found: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    found.push(bytes.subarray(at, at + length))
    at += length
  }
  return [...found, bytes.subarray(Math.min(at, bytes.length))]
}

describe('backup format', () => {
  it('a trailer says where the index is, and no byte of it can be another', () => {
    for (const format of FORMATS) {
      const trailer = { format, indexOffset: 2 ** 40, indexLength: 12_345, digest: '0123456789abcdef'.repeat(4) }
      const bytes = encodeTrailer(trailer)
      assert.equal(bytes.length, TRAILER_SIZE)
      assert.deepEqual(decodeTrailer(bytes), trailer)
      for (let i = 0; i < bytes.length; i++) {
        const wrong = Buffer.from(bytes)
        wrong[i]! ^= 0x20
        let found: unknown
        try {
          found = decodeTrailer(wrong)
        } catch (error) {
          found = error
        }
        // What the payload says may be another thing; it is compared when the archive is read.
        assert.notDeepEqual(found, trailer)
      }
    }
    assert.equal(decodeTrailer(Buffer.alloc(TRAILER_SIZE)), undefined)
    assert.equal(decodeTrailer(Buffer.alloc(3)), undefined)
  })

  it('an index comes back line for line, from every format', () => {
    const entries = [
      entry({ path: '', type: 'directory', digest: undefined as never }),
      entry({ path: 'a"\\\xff\n\x01', holes: [[0, 4096]], xattrs: { 'user.x': 'eA==' }, stamp: '12 3.4' }),
      entry({ path: 's', type: 'symlink', link: '/\xfe', digest: undefined as never, atime: [-5, 7] }),
      ...Array.from({ length: 5000 }, (_, i) => entry({ path: `t/${i}`, inBase: true })),
    ].map(({ digest, ...rest }) => (digest === undefined ? rest : { ...rest, digest }))
    const writer = new IndexWriter()
    writer.add({ header })
    for (const entry of entries) writer.add(entry)
    const end = { entries: entries.length, files: 1, bytes: 2, treeDigests: ['e'.repeat(64)], changedWhileRead: ['x'] }
    writer.add({ end })
    const index = writer.finish()
    for (const format of FORMATS) {
      const back = unwrapIndex(format, wrapIndex(format, index))
      assert.deepEqual(Array.from(indexLines(back)), [{ header }, ...entries, { end }])
    }
  })

  it('a damaged index is refused, with what is wrong', () => {
    const lines = (text: string) => zstdCompressSync(Buffer.from(text), { pledgedSrcSize: Buffer.byteLength(text) })
    const read = (bytes: Buffer) => Array.from(indexLines(bytes))
    assert.throws(() => read(lines('{"path":"a"}\n')), /the entry of "a" is not complete/)
    assert.throws(() => read(lines('nonsense\n')), /a line is no JSON/)
    assert.throws(() => read(lines('{"header":{}}\n')), /its header is not complete/)
    for (const odd of [{ labels: { a: 1 } }, { labels: null }, { options: [] }, { driver: 5 }]) {
      const volumes = [{ ...header.volumes[0], ...odd }]
      const text = `{"header":${JSON.stringify({ ...header, volumes })}}\n`
      assert.throws(() => read(lines(text)), /its header is not complete/)
    }
    assert.throws(() => read(lines(`{"header":${JSON.stringify({ ...header, version: 2 })}}\n`)), /version 2/)
    assert.throws(() => read(lines('{"header"')), /cut short/)
    assert.throws(() => read(lines('{}\n').subarray(0, 8)), /cut short/)
    for (const path of ['../x', '/x', 'a//b', 'a/./b', 'a/'])
      assert.throws(() => read(lines(`${JSON.stringify(entry({ path }))}\n`)), /not complete/, path)
    assert.throws(() => unwrapIndex('zstd', Buffer.from('something else')), /not as it was written|cut short/)
  })

  it('segments are found however the bytes come', () => {
    const contents = [Buffer.from('one'), Buffer.alloc(3000, 'two'), Buffer.alloc(70_000, 3)]
    const frames = contents.map(bytes => zstdCompressSync(bytes, { pledgedSrcSize: bytes.length }))
    const members = contents.map(bytes => gzipMember(deflateRawSync(bytes), crc32(bytes), bytes.length))
    const index = Buffer.alloc(100_000, 7)
    for (const [format, segments] of [['zstd', frames] as const, ['gzip', members] as const]) {
      const trailer = encodeTrailer({ format, indexOffset: 0, indexLength: 0, digest: '' })
      const wrapped = wrapIndex(format, index)
      const whole = Buffer.concat([...segments, wrapped, trailer])
      assert.equal(formatOf(whole), format)
      const property = fc.property(fc.array(fc.integer({ min: 1, max: 5000 })), lengths => {
        const reader = new Segments(format)
        const found = pieces(whole, lengths).flatMap(piece => reader.push(piece))
        assert.equal(reader.left, 0)
        const data = found.filter(({ kind }) => kind === 'data')
        assert.deepEqual(
          data.map(({ bytes }) => bytes.toString('hex')),
          segments.map(bytes => bytes.toString('hex')),
        )
        assert.deepEqual(
          data.map(({ contentSize }) => contentSize),
          contents.map(({ length }) => length),
        )
        const others = Buffer.concat(found.filter(({ kind }) => kind === 'index').map(({ bytes }) => bytes))
        assert.ok(unwrapIndex(format, others).equals(index))
        assert.ok(found.at(-1)!.kind === 'trailer' && found.at(-1)!.bytes.equals(trailer))
      })
      fc.assert(property, { numRuns: 30 })
      assert.throws(() => new Segments(format).push(Buffer.alloc(100, 'x')), /is not as it was written/)
    }
  })

  it('the digest of a content is that of its bytes, with zeros known by their place', () => {
    const content = fc
      .array(
        fc.oneof(
          fc.uint8Array({ maxLength: 5000 }).map(bytes => Buffer.from(bytes)),
          fc.integer({ min: 0, max: 20_000 }).map(length => Buffer.alloc(length)),
        ),
        { maxLength: 6 },
      )
      .map(parts => Buffer.concat(parts))
    const lengths = fc.array(fc.integer({ min: 1, max: 9000 }))
    const property = fc.property(content, lengths, (content, lengths) => {
      const expected = digestOf(content, 0, content.length)
      const stored = new ContentDigest()
      const holes = new ContentDigest()
      for (const piece of pieces(content, lengths)) {
        stored.update(piece)
        if (piece.every(byte => byte === 0)) holes.zeros(piece.length)
        else holes.update(piece)
      }
      assert.equal(stored.finish(), expected)
      assert.equal(holes.finish(), expected)
    })
    fc.assert(property, { numRuns: 200 })
    const plain = Buffer.alloc(10_000, 'x')
    assert.equal(digestOf(plain, 0, plain.length), createHash('sha256').update(plain).digest('hex'))
    const [early, late] = [Buffer.alloc(16_384), Buffer.alloc(16_384)]
    early.fill('x', 0, 4096)
    late.fill('x', 4096, 8192)
    assert.notEqual(digestOf(early, 0, early.length), digestOf(late, 0, late.length))
    assert.notEqual(digestOf(early, 0, 8192), digestOf(early, 0, 12_288))
  })

  it('the line of a path tells whatever a restore gives back', () => {
    const plain = treeLine(entry({}))
    const others: Partial<BackupEntry>[] = [
      { path: 'q' },
      { mode: 0o4644 },
      { uid: 1 },
      { gid: 1 },
      { size: 1 },
      { mtime: [1, 3] },
      { digest: 'e'.repeat(64) },
      { type: 'fifo' },
      { link: 'x' },
      { device: [1, 3] },
      { xattrs: { 'user.x': '' } },
    ]
    const lines = others.map(over => treeLine(entry(over)))
    assert.equal(new Set([plain, ...lines]).size, others.length + 1)
    assert.equal(treeLine(entry({ atime: [5, 5], stamp: 'x', holes: [[0, 1]], inBase: true })), plain)
  })
})
