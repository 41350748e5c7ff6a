import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { isKind, messageOf } from '#lib/errors.ts'
import { contentSuite } from '#ports/content.suite.ts'
import { HostMounts } from '../mounts/index.ts'
import { HostContent } from './host-content.ts'

const base = fs.mkdtempSync(join(tmpdir(), 'berth-content-'))
after(() => fs.rmSync(base, { recursive: true }))
const make = () => new HostContent(fs.mkdtempSync(join(base, 'c')))
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

contentSuite('host', make)

describe('host content', () => {
  it('takes one blob from several callers at once, and reads the source once', async () => {
    const content = make()
    const blob = Buffer.alloc(300_000, 'x')
    let asked = 0
    const source = async (offset: number) => {
      asked++
      return Readable.from([blob.subarray(offset, 100_000), blob.subarray(100_000)])
    }
    const results = await Promise.all([1, 2, 3].map(() => content.ingest(source, { digest: digestOf(blob) })))
    assert.equal(asked, 1)
    assert.equal(new Set(results.map(result => result.digest)).size, 1)
    await Promise.all([1, 2].map(() => content.ingest(source)))
    assert.equal((await content.list()).length, 1)
  })

  it('starts anew when what an earlier attempt left is damaged', async () => {
    const root = fs.mkdtempSync(join(base, 'c'))
    const content = new HostContent(root)
    const blob = Buffer.from('good content')
    const digest = digestOf(blob)
    fs.writeFileSync(join(root, 'ingest', digest.slice(7)), 'bad')
    await content.ingest(async offset => Readable.from([blob.subarray(offset)]), { digest })
    assert.equal((await content.read(digest)).toString(), 'good content')
    assert.deepEqual(fs.readdirSync(join(root, 'ingest')), [])
  })

  it('sweeps partials older than a day and those without a digest', async () => {
    const root = fs.mkdtempSync(join(base, 'c'))
    const content = new HostContent(root)
    const partial = (name: string, hours: number) => {
      fs.writeFileSync(join(root, 'ingest', name), 'partial')
      const then = Date.now() / 1000 - hours * 3600
      fs.utimesSync(join(root, 'ingest', name), then, then)
    }
    partial('a'.repeat(64), 25)
    partial('b'.repeat(64), 23)
    partial('new-1-0', 1)
    assert.ok((await content.sweep()) > 0)
    assert.deepEqual(fs.readdirSync(join(root, 'ingest')), ['b'.repeat(64)])
  })

  it('refuses digests that are none', async () => {
    for (const digest of ['sha256:../../etc/passwd', 'sha512:abc', 'abc', `sha256:${'A'.repeat(64)}`])
      await assert.rejects(make().has(digest), (e: unknown) => isKind(e, 'invalid'))
  })

  it('says that the disk is full, and gives the room back', { skip: process.getuid?.() !== 0 }, async () => {
    const mounts = new HostMounts()
    const root = fs.mkdtempSync(join(base, 'full'))
    await mounts.tmpfs(root, ['size=1m'])
    const content = new HostContent(root)
    const digest = `sha256:${'0'.repeat(64)}`
    await assert.rejects(
      content.ingest(async () => Readable.from(Array.from({ length: 32 }, () => Buffer.alloc(65536))), { digest }),
      (e: unknown) => isKind(e, 'system') && /no space left on device/.test(messageOf(e)),
    )
    assert.deepEqual(fs.readdirSync(join(root, 'ingest')), [])
    await mounts.unmount(root)
  })
})
