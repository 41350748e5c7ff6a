import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HostMounts } from '#kernel/mounts/index.ts'
import { SqliteStore } from './sqlite-store.ts'

test(
  'a full disk still takes the changes that free room, until the reserve is used up too',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async () => {
    const mounts = new HostMounts()
    const directory = mkdtempSync(join(tmpdir(), 'berth-reserve-'))
    const disk = join(directory, 'disk')
    mkdirSync(disk)
    await mounts.tmpfs(disk, ['size=8m'])
    try {
      const store = new SqliteStore(join(disk, 'berth.db'))
      const rows = store.repository<string>('things')
      rows.put('a', 'x')
      assert.ok(existsSync(join(disk, 'berth.db-reserve')))
      const fill = (file: string) => {
        const { bavail, bsize } = statfsSync(disk)
        writeFileSync(join(disk, file), Buffer.alloc(bavail * bsize))
      }
      fill('filler')
      for (let i = 0; i < 50; i++) rows.put(`k${i}`, 'y'.repeat(2000))
      store.transaction(() => rows.delete('a'))
      assert.equal(existsSync(join(disk, 'berth.db-reserve')), false)
      fill('more')
      assert.throws(
        () => {
          for (let i = 0; i < 5000; i++) rows.put(`m${i}`, 'y'.repeat(2000))
        },
        { message: /no space left on device/ },
      )
      assert.equal(rows.get('a'), undefined)
      assert.equal(rows.get('k49')?.length, 2000)
      store.close()
    } finally {
      await mounts.unmount(disk)
      rmSync(directory, { recursive: true })
    }
  },
)
