import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import { indexLines } from '#codec/backup/index.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { digestTree } from './digest.ts'
import { HostArchives } from './host-archives.ts'
import { pack } from './pack.ts'
import { header, indexOf, packed, unpacked } from './testing/direct.ts'

const mmap = libc.native('void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)')
const munmap = libc.native('int munmap(void *address, size_t length)')
const memset = libc.native('void *memset(void *address, int byte, size_t length)')

describe('archives: at the edges', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'berth-edges-'))
  let serial = 0
  const directory = () => {
    const path = join(root, String(serial++))
    fs.mkdirSync(path)
    return path
  }
  const digest = (path: string) => digestTree(path, { progress: () => {}, check: () => {} })
  after(() => fs.rmSync(root, { recursive: true }))

  /** A directory below a directory, and so on: longer than any path may be, and deeper than what is held open. */
  function deep(path: string, levels: number): void {
    let fd = libc.open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
    for (let i = 0; i < levels; i++) {
      const name = `level-${i}-${'x'.repeat(40)}`
      at.mkdirat(fd, name, 0o755)
      const inner = at.openat(fd, name, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
      at.mknodat(fd, 'z', at.S_IFREG | 0o644)
      libc.close(fd)
      fd = inner
    }
    libc.close(fd)
  }

  it('trees that are deeper than a path can be long', async () => {
    const source = directory()
    deep(source, 260)
    const { bytes, summary } = await packed([source], 'zstd')
    assert.equal(summary.files, 260)
    const place = directory()
    await unpacked(bytes, [place])
    assert.equal(await digest(place), await digest(source))
    assert.equal(await digest(place), summary.treeDigests[0])
  })

  it('holes are neither read nor stored nor written', async () => {
    const source = directory()
    const fd = fs.openSync(join(source, 'disk'), 'w')
    fs.ftruncateSync(fd, 20 * 2 ** 30)
    fs.writeSync(fd, 'in the middle', 11 * 2 ** 30)
    fs.closeSync(fd)
    const start = performance.now()
    const { bytes, summary } = await packed([source], 'zstd')
    assert.ok(bytes.length < 10_000)
    assert.ok(summary.bytes <= 64 * 1024)
    const place = directory()
    await unpacked(bytes, [place])
    // Reading 20 GB would take longer on any machine.
    assert.ok(performance.now() - start < 5000)
    const stat = fs.statSync(join(place, 'disk'))
    assert.equal(stat.size, 20 * 2 ** 30)
    assert.ok(stat.blocks * 512 <= 64 * 1024)
    assert.equal(await digest(place), summary.treeDigests[0])
  })

  it('the digest is the same whether zeros are stored or a hole', async () => {
    const [sparse, full] = [directory(), directory()]
    const content = Buffer.alloc(50_000)
    content.write('x', 20_000)
    fs.writeFileSync(join(full, 'f'), content)
    fs.writeFileSync(join(sparse, 'f'), '')
    fs.truncateSync(join(sparse, 'f'), content.length)
    const fd = fs.openSync(join(sparse, 'f'), 'r+')
    fs.writeSync(fd, 'x', 20_000)
    fs.closeSync(fd)
    for (const path of [sparse, full]) for (const name of ['f', '.']) fs.utimesSync(join(path, name), 1, 1)
    assert.equal(await digest(sparse), await digest(full))
    content.write('x', 20_001)
    fs.writeFileSync(join(full, 'f'), content)
    fs.utimesSync(join(full, 'f'), 1, 1)
    assert.notEqual(await digest(sparse), await digest(full))
  })

  it('files that grow, shrink and vanish while they are read', async () => {
    for (const change of ['grow', 'shrink', 'vanish'] as const) {
      const source = directory()
      fs.writeFileSync(join(source, 'a-large'), Buffer.alloc(5 << 20, 'x'))
      fs.writeFileSync(join(source, 'b-next'), 'next')
      let done = false
      const parts: Buffer[] = []
      const summary = await pack(
        { kind: 'pack', header: header(['v']), paths: [source], format: 'zstd' },
        {
          post: bytes => void parts.push(Buffer.from(bytes)) as undefined,
          check: () => {},
          progress: (_, bytes) => {
            if (done || bytes < 1 << 20) return
            done = true
            if (change === 'grow') fs.appendFileSync(join(source, 'a-large'), 'more')
            else if (change === 'shrink') fs.truncateSync(join(source, 'a-large'), 3 << 20)
            else fs.rmSync(join(source, 'b-next'))
          },
        },
      )
      assert.deepEqual(summary.changedWhileRead, change === 'vanish' ? [] : ['a-large'])
      const place = directory()
      await unpacked(Buffer.concat(parts), [place])
      assert.equal(fs.statSync(join(place, 'a-large')).size, 5 << 20)
      assert.equal(fs.existsSync(join(place, 'b-next')), change !== 'vanish')
    }
  })

  it('descriptors and threads are given back, whenever it ends', async () => {
    const archives = new HostArchives()
    const open = () =>
      fs.readdirSync('/proc/self/fd').filter(fd => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(root)
        } catch {
          return false
        }
      })
    const source = directory()
    for (let i = 0; i < 30; i++) fs.writeFileSync(join(source, `f${i}`), Buffer.alloc(1 << 20, String(i)))
    for (const chunks of [0, 1, 3]) {
      const packing = archives.pack({ header: header(['v']), paths: [source], format: 'tar' })
      const iterator = packing.stream[Symbol.asyncIterator]()
      for (let i = 0; i < chunks; i++) await iterator.next()
      const closed = new Promise(resolve => packing.stream.once('close', resolve))
      packing.stream.destroy()
      await closed
      await assert.rejects(packing.done, (error: unknown) => isKind(error, 'cancelled'))
      assert.deepEqual(open(), [])
    }
    // A source that says nothing wrong and never ends.
    const endless = new Readable({ read: () => {} })
    endless.push(Buffer.alloc(4096, 'x'))
    const place = async () => [directory()]
    await assert.rejects(archives.unpack(endless, { place, foreign: 'accept' }), /archive|tar/)
    assert.deepEqual(open(), [])
    archives.close()
  })

  it('what a program writes into a mapped file is in the next incremental archive, although its times stay', async () => {
    const source = directory()
    const file = join(source, 'f')
    fs.writeFileSync(file, Buffer.alloc(4096))
    const fd = libc.open(file, fs.constants.O_RDWR)
    const [SHARED, READ_WRITE] = [1, 3]
    const address: unknown = mmap()(null, 4096, READ_WRITE, SHARED, fd, 0)
    try {
      memset()(address, 1, 4096)
      await new Promise(resolve => setTimeout(resolve, 200))
      const base = await packed([source], 'zstd')
      memset()(address, 2, 4096)
      const next = header(['v0'], base.summary.header!.id)
      const more = await packed([source], 'zstd', { header: next, base: indexOf(base.bytes) })
      const place = directory()
      await unpacked(base.bytes, [place])
      await unpacked(more.bytes, [place])
      assert.deepEqual(fs.readFileSync(join(place, 'f')), Buffer.alloc(4096, 2))
    } finally {
      munmap()(address, 4096)
      libc.close(fd)
    }
    // Nobody has it mapped any more: it need not be read again.
    await new Promise(resolve => setTimeout(resolve, 100))
    const { bytes } = await packed([source], 'zstd')
    const old = Array.from(indexLines(indexOf(bytes))).find(line => 'path' in line && line.path === 'f')
    assert.ok(old && 'path' in old && old.stamp !== undefined)
  })

  it('files that were changed just now are compared by content the next time', async () => {
    const source = directory()
    fs.writeFileSync(join(source, 'f'), 'one')
    const { bytes } = await packed([source], 'zstd')
    const young = Array.from(indexLines(indexOf(bytes))).find(line => 'path' in line && line.path === 'f')
    assert.ok(young && 'path' in young && young.stamp === undefined)
  })
})
