import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { encodeMarker, IndexWriter } from '#codec/backup/index.ts'
import { encodeEnd, encodeEntry, encodePadding } from '#codec/tar/index.ts'
import type { TarEntry } from '#codec/tar/index.ts'
import { isKind } from '#lib/errors.ts'
import type { BackupEntry } from '#model/backup.ts'
import { entryOfMember } from './members.ts'
import { Output } from './output.ts'
import { TreeDigests } from './tally.ts'
import { header, unpacked } from './testing/direct.ts'

function member(over: Partial<TarEntry>, content = ''): { entry: TarEntry; content: Buffer } {
  const rest = { mode: 0o644, uid: 0, gid: 0, linkName: '', major: 0, minor: 0, xattrs: undefined } as const
  const entry = {
    name: 'f',
    type: 'file',
    size: content.length,
    mtime: { seconds: 1, nanos: 0 },
    ...rest,
    ...over,
  } as const
  return { entry, content: Buffer.from(content) }
}

type Member = ReturnType<typeof member>

function tar(members: Member[]): Buffer {
  const parts = members.flatMap(({ entry, content }) => [encodeEntry(entry), content, encodePadding(content.length)])
  return Buffer.concat([...parts, encodeEnd()])
}

/** An archive of ours whose digests are right, whatever it says. */
async function forged(members: Member[], entries: BackupEntry[]): Promise<Buffer> {
  const parts: Buffer[] = []
  const output = new Output('zstd', undefined, bytes => void parts.push(Buffer.from(bytes)) as undefined)
  const head = header(['v'])
  await output.write(encodeMarker(head))
  output.cut()
  await output.write(tar(members))
  const index = new IndexWriter()
  const trees = new TreeDigests(1)
  index.add({ header: head })
  for (const entry of entries) {
    index.add(entry)
    trees.add(entry)
  }
  const counts = { entries: entries.length, files: 0, bytes: 0 }
  index.add({ end: { ...counts, treeDigests: trees.finish(), changedWhileRead: [] } })
  await output.finish(index.finish())
  return Buffer.concat(parts)
}

describe('archives: malicious ones', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'berth-malicious-'))
  const outside = join(root, 'outside')
  const secret = join(outside, 'secret')
  const place = join(root, 'place')
  const refused = (error: unknown) => isKind(error, 'invalid') && /archive/.test(String(error))

  beforeEach(() => {
    fs.rmSync(place, { recursive: true, force: true })
    fs.mkdirSync(place)
    fs.mkdirSync(outside, { recursive: true })
    fs.writeFileSync(secret, 'secret')
    fs.chmodSync(secret, 0o600)
  })
  after(() => fs.rmSync(root, { recursive: true }))

  function untouched(): void {
    assert.deepEqual(fs.readdirSync(root).sort(), ['outside', 'place'])
    assert.deepEqual(fs.readdirSync(outside), ['secret'])
    assert.equal(fs.readFileSync(secret, 'utf8'), 'secret')
    assert.equal(fs.statSync(secret).mode & 0o7777, 0o600)
    assert.equal(fs.statSync(secret).nlink, 1)
  }

  const directory = member({ name: './', type: 'directory', mode: 0o755 })
  const link = member({ name: 'way', type: 'symlink', linkName: outside })
  const cases: [string, Member[]][] = [
    ['a name that leads up', [member({ name: '../outside/x' }, 'x')]],
    ['a name that leads up from below', [member({ name: 'a/../../outside/x' }, 'x')]],
    ['an absolute name', [member({ name: secret }, 'x')]],
    ['a name with a zero byte', [member({ name: `${'n'.repeat(101)}\0x`, linkName: '' }, 'x')]],
    ['a file through a symlink', [link, member({ name: 'way/secret' }, 'x')]],
    ['a directory through a symlink', [link, member({ name: 'way/d/', type: 'directory' })]],
    ['a hard link outside', [member({ name: 'l', type: 'link', linkName: '../outside/secret' })]],
    ['an absolute hard link', [member({ name: 'l', type: 'link', linkName: secret })]],
    ['a hard link through a symlink', [link, member({ name: 'l', type: 'link', linkName: 'way/secret' })]],
    ['a root that is a symlink', [member({ name: './', type: 'symlink', linkName: outside })]],
    ['a name of very many directories', [member({ name: `${'a/'.repeat(100_000)}x` }, 'x')]],
    ['more content than there is', [{ ...member({ name: 'f', size: 1e12 }), content: Buffer.from('x') }]],
  ]
  for (const [what, members] of cases) {
    it(`${what}, of another program`, async () => {
      await assert.rejects(unpacked(tar(members), [place], { foreign: 'accept' }), refused)
      untouched()
    })

    it(`${what}, with the digests of ours`, async () => {
      await assert.rejects(
        forged([directory, ...members], []).then(bytes => unpacked(bytes, [place])),
        refused,
      )
      untouched()
    })
  }

  it('a symlink that a file replaces keeps what it leads to', async () => {
    const twice = [member({ name: 'f', type: 'symlink', linkName: secret }), member({ name: 'f' }, 'mine')]
    await unpacked(tar(twice), [place], { foreign: 'accept' })
    assert.equal(fs.readFileSync(join(place, 'f'), 'utf8'), 'mine')
    untouched()
  })

  it('an index that says other things than the tar', async () => {
    const file = member({ name: './f' }, 'x')
    const rootEntry = entryOfMember(directory.entry, { volume: 0, path: '' })
    const digest = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
    const entry: BackupEntry = { ...entryOfMember(file.entry, { volume: 0, path: 'f' }), digest }
    const whole = await forged([directory, file], [rootEntry, entry])
    await unpacked(whole, [place])
    const wrong: BackupEntry[][] = [
      [],
      [rootEntry],
      [entry, rootEntry],
      [rootEntry, entry, entry],
      [rootEntry, { ...entry, path: 'g' }],
      [rootEntry, { ...entry, path: '../f' }],
      [rootEntry, { ...entry, mode: 0o4755 }],
      [rootEntry, { ...entry, digest: '0'.repeat(64) }],
      [rootEntry, { ...entry, inBase: true }],
      [rootEntry, { ...rootEntry, path: 'd' }, entry],
      [rootEntry, entry, { ...rootEntry, type: 'socket', path: 'missing/s' }],
      [rootEntry, entry, { ...rootEntry, type: 'link', link: '../outside/secret', path: 'h' }],
      [{ ...rootEntry, volume: 1 }, entry],
    ]
    for (const entries of wrong) {
      fs.rmSync(join(place, 'f'), { force: true })
      await assert.rejects(
        forged([directory, file], entries).then(bytes => unpacked(bytes, [place])),
        refused,
      )
    }
    untouched()
  })

  it('an index that is larger than one can be', async () => {
    const parts: Buffer[] = []
    const output = new Output('zstd', undefined, bytes => void parts.push(Buffer.from(bytes)) as undefined)
    await output.write(encodeMarker(header(['v'])))
    await output.write(tar([directory]))
    const bomb = zstdCompressSync(Buffer.alloc(60 << 20, ' '), { pledgedSrcSize: 60 << 20 })
    await output.finish(Buffer.concat(Array.from({ length: 50 }, () => bomb)))
    const before = process.memoryUsage().rss
    await assert.rejects(unpacked(Buffer.concat(parts), [place]), refused)
    assert.ok(process.memoryUsage().rss - before < 500 << 20)
  })
})
