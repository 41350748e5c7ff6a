import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { BackupFormat } from '#model/backup.ts'
import * as at from '../ffi/fs.ts'
import { header, indexOf, packed, unpacked } from './testing/direct.ts'

/** Every n-th position, from another one each time; 1 for all. */
const STEP = Number(process.env.BERTH_DAMAGE_STEP ?? 23)
const PATTERNS = [0x01, 0x80, 0xff]

describe('archives: what is damaged', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'berth-damage-'))
  const source = join(root, 'source')
  const outside = join(root, 'outside')
  const archives = new Map<string, { bytes: Buffer; base?: Buffer }>()

  before(async () => {
    fs.mkdirSync(join(source, 'd'), { recursive: true })
    fs.writeFileSync(outside, 'outside')
    fs.writeFileSync(join(source, 'file'), 'content')
    fs.writeFileSync(join(source, 'd', 'kept'), 'kept')
    fs.linkSync(join(source, 'file'), join(source, 'link'))
    fs.symlinkSync('file', join(source, 'symlink'))
    fs.truncateSync(join(source, 'file'), 20_000)
    at.setXattr(join(source, 'd'), 'user.x', Buffer.from('value'))
    at.mknodat(at.AT_FDCWD, join(source, 'socket'), at.S_IFSOCK | 0o600)
    for (const format of ['zstd', 'gzip', 'tar'] satisfies BackupFormat[])
      archives.set(format, { bytes: (await packed([source], format)).bytes })
    const base = archives.get('zstd')!.bytes
    fs.writeFileSync(join(source, 'added'), 'added')
    const options = { header: header(['v'], '0'.repeat(32)), base: indexOf(base) }
    archives.set('incremental', { bytes: (await packed([source], 'zstd', options)).bytes, base })
  })

  after(() => fs.rmSync(root, { recursive: true }))

  /** Unpacks it where nothing matters; the promise rejects. */
  async function attempt(bytes: Buffer, base: Buffer | undefined): Promise<void> {
    const place = fs.mkdtempSync(join(root, 'place-'))
    try {
      if (base) await unpacked(base, [place])
      await unpacked(bytes, [place], { foreign: 'accept' })
    } finally {
      fs.rmSync(place, { recursive: true })
    }
  }

  const refused = (error: unknown) => isKind(error, 'invalid') && /archive/.test(String(error))

  for (const name of ['zstd', 'gzip', 'tar', 'incremental']) {
    it(`is refused whichever byte is another: ${name}`, async () => {
      const { bytes, base } = archives.get(name)!
      await attempt(bytes, base)
      const step = name === 'tar' ? STEP * 8 : STEP
      for (let i = Math.floor(Math.random() * step); i < bytes.length; i += step) {
        for (const pattern of STEP === 1 ? PATTERNS : [PATTERNS[i % 3]!]) {
          const wrong = Buffer.from(bytes)
          wrong[i]! ^= pattern
          await assert.rejects(attempt(wrong, base), refused, `byte ${i} of ${bytes.length} xor ${pattern}`)
        }
      }
      assert.equal(fs.readFileSync(outside, 'utf8'), 'outside')
    })

    it(`is refused wherever it is cut: ${name}`, async () => {
      const { bytes, base } = archives.get(name)!
      const step = name === 'tar' ? STEP * 8 : STEP
      for (let length = Math.floor(Math.random() * step); length < bytes.length; length += step)
        await assert.rejects(attempt(bytes.subarray(0, length), base), refused, `cut at ${length} of ${bytes.length}`)
      for (const more of [Buffer.alloc(1), Buffer.alloc(512), bytes])
        await assert.rejects(attempt(Buffer.concat([bytes, more]), base), refused, `${more.length} bytes follow`)
    })
  }

  it('is refused when parts are exchanged between archives', async () => {
    const { bytes } = archives.get('zstd')!
    const other = await packed([source], 'zstd')
    for (const at of [600, bytes.length - 512])
      await assert.rejects(
        attempt(Buffer.concat([bytes.subarray(0, at), other.bytes.subarray(at)]), undefined),
        refused,
      )
  })
})
