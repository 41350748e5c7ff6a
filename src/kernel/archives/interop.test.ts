import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { BackupFormat } from '#model/backup.ts'
import * as at from '../ffi/fs.ts'
import { setTimesAt } from './sys.ts'
import { packed, unpacked } from './testing/direct.ts'
import { snapshot } from './testing/trees.ts'

describe('archives: other programs', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'berth-interop-'))
  const source = join(root, 'source')
  let serial = 0
  const place = () => {
    const path = join(root, String(serial++))
    fs.mkdirSync(path)
    return path
  }

  before(() => {
    fs.mkdirSync(join(source, 'sub', 'n'.repeat(120), 'n'.repeat(120)), { recursive: true })
    fs.writeFileSync(join(source, 'file'), 'content', { mode: 0o640 })
    fs.writeFileSync(join(source, 'sub', 'n'.repeat(120), 'n'.repeat(120), 'deep'), 'deep')
    fs.writeFileSync(Buffer.from(`${source}/\xff\xfe`, 'latin1'), 'no UTF-8')
    fs.linkSync(join(source, 'file'), join(source, 'hard'))
    fs.symlinkSync('file', join(source, 'sym'))
    fs.writeFileSync(join(source, 'sparse'), 'start')
    fs.truncateSync(join(source, 'sparse'), 3_000_000)
    fs.chownSync(join(source, 'sub'), 1000, 65534)
    fs.chmodSync(join(source, 'sub'), 0o1777)
    at.mknodat(at.AT_FDCWD, join(source, 'null'), at.S_IFCHR | 0o666, 1, 3)
    at.mknodat(at.AT_FDCWD, join(source, 'fifo'), at.S_IFIFO | 0o600)
    at.setXattr(join(source, 'file'), 'user.x', Buffer.from('value'))
    for (const name of ['sub', 'file', '.']) setTimesAt(at.AT_FDCWD, join(source, name), [1e9, 5], [1e9, 123_456_789])
  })

  after(() => fs.rmSync(root, { recursive: true }))

  /** What both sides can hold, as far as `less` leaves it. */
  function seen(directory: string, less: string[]): Record<string, Record<string, unknown>> {
    const all = snapshot(directory)
    for (const entry of Object.values(all)) {
      for (const key of ['atime', ...less]) delete entry[key]
      if (less.includes('nanoseconds')) entry.mtime = String(entry.mtime).slice(0, -9)
    }
    return all
  }

  function run(command: string, input: Buffer): Buffer {
    const done = spawnSync('sh', ['-c', command], { input, maxBuffer: 64 << 20 })
    assert.equal(done.status, 0, `${command}: ${done.stderr.toString()}`)
    // Not even a warning.
    assert.equal(done.stderr.toString(), '', command)
    return done.stdout
  }

  const readers: { format: BackupFormat; command: (place: string) => string; less: string[] }[] = [
    {
      format: 'gzip',
      command: place => `tar --xattrs --xattrs-include='*' -xzf - -C ${place}`,
      less: ['holes'],
    },
    { format: 'gzip', command: place => `tar -xzf - -C ${place}`, less: ['holes', 'xattrs'] },
    { format: 'zstd', command: place => `tar --zstd -xf - -C ${place}`, less: ['xattrs'] },
    { format: 'tar', command: place => `tar -xf - -C ${place}`, less: ['holes', 'xattrs'] },
    { format: 'gzip', command: place => `busybox tar -xzf - -C ${place}`, less: ['holes', 'xattrs', 'mtime'] },
    { format: 'tar', command: place => `busybox tar -xf - -C ${place}`, less: ['holes', 'xattrs', 'mtime'] },
  ]
  for (const { format, command, less } of readers) {
    it(`${command('DIR').split(' -C')[0]} reads ours`, async () => {
      const { bytes } = await packed([source], format)
      const to = place()
      run(command(to), bytes)
      assert.deepEqual(seen(to, less), seen(source, less))
    })
  }

  it('gzip and zstd find nothing wrong with them', async () => {
    run('gzip -t', (await packed([source], 'gzip')).bytes)
    run('zstd -tq', (await packed([source], 'zstd')).bytes)
    run('busybox gunzip -t', (await packed([source], 'gzip')).bytes)
  })

  it('several volumes come out as directories of their names', async () => {
    const { bytes } = await packed([source, join(source, 'sub')], 'gzip')
    const to = place()
    run(`tar -xzf - -C ${to}`, bytes)
    assert.deepEqual(fs.readdirSync(to), ['v0', 'v1'])
    assert.deepEqual(seen(join(to, 'v0'), ['holes', 'xattrs']), seen(source, ['holes', 'xattrs']))
  })

  const writers: { command: string; less: string[] }[] = [
    // The guide's own.
    { command: `tar -czf - -C ${source} .`, less: ['holes', 'xattrs', 'nanoseconds'] },
    { command: `tar --format pax --xattrs -czf - -C ${source} .`, less: ['holes'] },
    { command: `tar --format pax --sparse --zstd -cf - -C ${source} .`, less: ['xattrs'] },
    { command: `tar -cf - -C ${source} .`, less: ['holes', 'xattrs', 'nanoseconds'] },
    { command: `busybox tar -czf - -C ${source} .`, less: ['holes', 'xattrs', 'nanoseconds'] },
  ]
  for (const { command, less } of writers) {
    it(`ours reads ${command.split(' -C')[0]}`, async () => {
      const bytes = run(command, Buffer.alloc(0))
      const to = place()
      await assert.rejects(unpacked(bytes, [to]), /no backup that berth made/)
      const summary = await unpacked(bytes, [to], { foreign: 'accept', step: 10_000 })
      assert.equal(summary.header, undefined)
      assert.deepEqual(seen(to, less), seen(source, less))
      for (const cut of [bytes.length >> 2, (bytes.length * 3) >> 2])
        await assert.rejects(unpacked(bytes.subarray(0, cut), [place()], { foreign: 'accept' }), /archive is/)
    })
  }

  it('refuses ours when it was compressed anew: what vouched for it is lost', async () => {
    const { bytes } = await packed([source], 'zstd')
    const anew = run('zstd -dc | zstd -c', bytes)
    await assert.rejects(unpacked(anew, [place()], { foreign: 'accept' }), /archive is/)
    const gzipped = run('zstd -dc | gzip -c', bytes)
    await assert.rejects(unpacked(gzipped, [place()], { foreign: 'accept' }), /archive is/)
  })
})
