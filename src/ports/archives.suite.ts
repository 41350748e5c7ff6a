import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { isKind } from '#lib/errors.ts'
import type { BackupFormat, BackupHeader, BackupSummary } from '#model/backup.ts'
import type { Archives } from './archives.ts'
import { eachAnew } from './testing/each-anew.ts'

/** An adapter with a place for trees: what the contract needs to see of them. */
export interface ArchivesUnderTest {
  archives: Archives
  /** A new directory, with files by their paths. */
  tree(files: Record<string, string>): Promise<string>
  write(directory: string, path: string, content: string): Promise<void>
  remove(directory: string, path: string): Promise<void>
  /** All files by their paths. */
  files(directory: string): Promise<Record<string, string>>
  /** The stored index of an archive, unwrapped: what an incremental one is based on. */
  index(archive: Buffer): Buffer
  close(): Promise<void>
}

const FORMATS: BackupFormat[] = ['zstd', 'gzip', 'tar']

export function headerOf(names: string[], base?: BackupHeader): BackupHeader {
  return {
    version: 1,
    id: randomBytes(16).toString('hex'),
    createdAt: '2026-01-02T03:04:05Z',
    volumes: names.map(name => ({ name, driver: 'local', labels: {}, options: {}, consistency: 'live' })),
    ...(base ? { base: { id: base.id } } : {}),
  }
}

const invalid = (error: unknown) => isKind(error, 'invalid') && /archive/.test(String(error))

/** What every `Archives` owes its callers. */
export function archivesSuite(name: string, make: () => Promise<ArchivesUnderTest>): void {
  const test = eachAnew(make)
  const it = (title: string, body: (t: ArchivesUnderTest) => Promise<void>) => test(`archives: ${name}: ${title}`, body)

  async function pack(
    t: ArchivesUnderTest,
    header: BackupHeader,
    paths: string[],
    format: BackupFormat,
    base?: Buffer,
  ) {
    const packing = t.archives.pack({ header, paths, format, ...(base ? { base } : {}) })
    const bytes = await buffer(packing.stream)
    return { bytes, summary: await packing.done }
  }

  function unpack(
    t: ArchivesUnderTest,
    bytes: Buffer,
    places: (string | undefined)[],
    foreign: 'accept' | 'refuse' = 'refuse',
  ): Promise<BackupSummary> {
    return t.archives.unpack(Readable.from([bytes]), { place: async () => places, foreign })
  }

  it('brings trees back in every format, and says the same of them', async t => {
    const one = await t.tree({ a: 'alpha', 'deep/er/b': 'beta', empty: '' })
    const two = await t.tree({ c: 'gamma' })
    for (const format of FORMATS) {
      const header = headerOf(['one', 'two'])
      const { bytes, summary } = await pack(t, header, [one, two], format)
      const places = [await t.tree({}), await t.tree({})]
      const back = await t.archives.unpack(Readable.from([bytes]), {
        place: async found => {
          assert.deepEqual(found, header)
          return places
        },
        foreign: 'refuse',
      })
      assert.deepEqual(await t.files(places[0]!), { a: 'alpha', 'deep/er/b': 'beta', empty: '' })
      assert.deepEqual(await t.files(places[1]!), { c: 'gamma' })
      assert.deepEqual(back, summary)
      assert.equal(summary.files, 4)
      assert.equal(summary.bytes, 14)
      assert.equal(summary.storedBytes, bytes.length)
      assert.deepEqual(summary.treeDigests, [await t.archives.digest(one), await t.archives.digest(two)])
      assert.equal(await t.archives.digest(places[0]!), summary.treeDigests[0])
    }
  })

  it('gives the same bytes for the same tree and header', async t => {
    const tree = await t.tree({ a: 'alpha', b: 'beta' })
    const header = headerOf(['v'])
    const first = await pack(t, header, [tree], 'zstd')
    const second = await pack(t, header, [tree], 'zstd')
    assert.ok(first.bytes.equals(second.bytes))
  })

  it('leaves out what the base has, and puts the pieces together again', async t => {
    const tree = await t.tree({ kept: 'k'.repeat(50_000), changed: 'old', gone: 'gone' })
    const full = await pack(t, headerOf(['v']), [tree], 'zstd')
    await t.write(tree, 'changed', 'new')
    await t.write(tree, 'added', 'added')
    await t.remove(tree, 'gone')
    const second = headerOf(['v'], full.summary.header)
    const incremental = await pack(t, second, [tree], 'zstd', t.index(full.bytes))
    await t.write(tree, 'added', 'added, then changed')
    const third = await pack(t, headerOf(['v'], second), [tree], 'zstd', t.index(incremental.bytes))
    const place = await t.tree({})
    await unpack(t, full.bytes, [place])
    await unpack(t, incremental.bytes, [place])
    assert.deepEqual(await t.files(place), { kept: 'k'.repeat(50_000), changed: 'new', added: 'added' })
    const last = await unpack(t, third.bytes, [place])
    assert.deepEqual(await t.files(place), { kept: 'k'.repeat(50_000), changed: 'new', added: 'added, then changed' })
    assert.equal(await t.archives.digest(place), last.treeDigests[0])
    const wrong = await t.tree({ kept: 'other', changed: 'new' })
    await assert.rejects(unpack(t, incremental.bytes, [wrong]), invalid)
    await assert.rejects(unpack(t, incremental.bytes, [await t.tree({})]), invalid)
  })

  it('checks without writing anywhere', async t => {
    const tree = await t.tree({ a: 'alpha' })
    const { bytes, summary } = await pack(t, headerOf(['v']), [tree], 'gzip')
    assert.deepEqual(await unpack(t, bytes, [undefined]), summary)
    bytes[bytes.length >> 1]! ^= 1
    await assert.rejects(unpack(t, bytes, [undefined]), invalid)
  })

  it('refuses what is not as it was written', async t => {
    const tree = await t.tree({ a: 'alpha', b: 'b'.repeat(10_000) })
    for (const format of FORMATS) {
      const { bytes } = await pack(t, headerOf(['v']), [tree], format)
      for (const cut of [0, 1, 100, bytes.length - 600, bytes.length - 512, bytes.length - 1])
        await assert.rejects(unpack(t, bytes.subarray(0, cut), [await t.tree({})], 'accept'), invalid, `cut at ${cut}`)
      for (const at of [0, 9, 300, bytes.length >> 1, bytes.length - 500, bytes.length - 1]) {
        const wrong = Buffer.from(bytes)
        wrong[at]! ^= 0x10
        await assert.rejects(unpack(t, wrong, [await t.tree({})], 'accept'), invalid, `${format}, byte ${at}`)
      }
      await assert.rejects(unpack(t, Buffer.concat([bytes, Buffer.alloc(1)]), [await t.tree({})], 'accept'), invalid)
    }
  })

  it('takes what nothing vouches for only when asked to', async t => {
    await assert.rejects(unpack(t, Buffer.alloc(1024), [await t.tree({})]), invalid)
    const place = await t.tree({})
    const summary = await unpack(t, Buffer.alloc(1024), [place], 'accept')
    assert.equal(summary.header, undefined)
    assert.deepEqual(await t.files(place), {})
  })

  it('passes on what the caller and the source say', async t => {
    const tree = await t.tree({ a: 'alpha' })
    const { bytes } = await pack(t, headerOf(['v']), [tree], 'zstd')
    const place = async () => {
      throw new Error('no room')
    }
    await assert.rejects(t.archives.unpack(Readable.from([bytes]), { place, foreign: 'refuse' }), /no room/)
    async function* broken() {
      yield bytes.subarray(0, 100)
      throw new Error('connection reset')
    }
    const places = [await t.tree({})]
    await assert.rejects(
      t.archives.unpack(Readable.from(broken()), { place: async () => places, foreign: 'refuse' }),
      /connection reset/,
    )
  })

  it('ends when nobody reads on, and fails for what is not there', async t => {
    const tree = await t.tree({ a: 'alpha' })
    const packing = t.archives.pack({ header: headerOf(['v']), paths: [tree], format: 'zstd' })
    packing.stream.destroy()
    await assert.rejects(packing.done, (error: unknown) => isKind(error, 'cancelled'))
    const missing = t.archives.pack({ header: headerOf(['v']), paths: [`${tree}-missing`], format: 'zstd' })
    await assert.rejects(buffer(missing.stream), /-missing/)
    await assert.rejects(missing.done, /-missing/)
    await assert.rejects(t.archives.digest(`${tree}-missing`), /-missing/)
  })
}
