import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pieces, targetsSuite } from '#ports/targets.suite.ts'
import { openTarget } from './index.ts'

const made: string[] = []
const directory = () => {
  made.push(mkdtempSync(join(tmpdir(), 'berth-target-')))
  return made.at(-1)!
}
after(() => made.forEach(path => rmSync(path, { recursive: true, force: true })))

targetsSuite('directory', async () => ({ target: await openTarget(directory(), {}) }))
targetsSuite('file URL', async () => ({ target: await openTarget(`file://${directory()}/`, {}) }))

test('nothing but the file stays; backups are for their owner only', async () => {
  const path = directory()
  const target = await openTarget(path, {})
  await target.put('sub/one', pieces(Buffer.from('1')))
  assert.deepEqual(readdirSync(join(path, 'sub')), ['one'])
  assert.equal(statSync(join(path, 'sub/one')).mode & 0o777, 0o600)
})

test('a full disk: the partial file goes, and the words name file and directory', async () => {
  const path = directory()
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]).status, 0)
  try {
    const target = await openTarget(path, {})
    await target.put('small', pieces(Buffer.from('fits')))
    await assert.rejects(target.put('large', pieces(Buffer.alloc(3_000_000))), /no space left in .* for .*\/large/)
    assert.deepEqual(readdirSync(path), ['small'])
  } finally {
    spawnSync('umount', [path])
  }
})

test('parts of killed writers go after a day', async () => {
  const path = directory()
  const [old, young] = ['.a.part-0123456789abcdef', '.a.part-fedcba9876543210']
  for (const name of [old, young]) writeFileSync(join(path, name), 'x')
  utimesSync(join(path, old), 1, Date.now() / 1000 - 90_000)
  const target = await openTarget(path, {})
  assert.deepEqual(await target.list(), [])
  await target.put('b', pieces(Buffer.from('1')))
  assert.deepEqual(readdirSync(path).sort(), [young, 'b'])
})

test('the place must be there, and be a directory', async () => {
  const path = directory()
  const absent = await openTarget(`${path}/absent`, {})
  await assert.rejects(absent.put('a', pieces(Buffer.from('1'))), /absent\/?: no such directory: make it first/)
  await assert.rejects(absent.list(), /no such directory/)
  assert.equal(await absent.stat('a'), undefined)
  writeFileSync(join(path, 'file'), '')
  const file = await openTarget(`${path}/file`, {})
  await assert.rejects(file.put('a', pieces(Buffer.from('1'))), /is no directory/)
  mkdirSync(join(path, 'd'))
  chmodSync(join(path, 'd'), 0o755)
  const place = await openTarget(path, {})
  await assert.rejects(place.put('d', pieces(Buffer.from('1'))), /is a directory/)
  assert.deepEqual(readdirSync(path).sort(), ['d', 'file'])
})
