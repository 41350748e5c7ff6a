import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { ScheduleJson } from '#wire/backups.ts'
import { rowOf } from '../schedule/ls.ts'
import { firstBytes } from '#lib/streams.ts'
import { destinationOf, objectOf } from './destination.ts'
import { retentionOf } from './keep.ts'
import { describe } from './meter.ts'

test('where a backup goes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-destination-'))
  try {
    const place = `${directory}/`
    assert.deepEqual(await destinationOf('-'), { kind: 'stdout' })
    assert.deepEqual(await destinationOf(directory), { kind: 'place', place, name: undefined })
    assert.deepEqual(await destinationOf(`${directory}/new/`), {
      kind: 'place',
      place: `${place}new/`,
      name: undefined,
    })
    assert.deepEqual(await destinationOf(`${place}a.tar`), { kind: 'place', place, name: 'a.tar' })
    assert.deepEqual(await destinationOf('/dev/null'), { kind: 'stream', path: '/dev/null' })
    assert.deepEqual(await destinationOf('s3://b/x/'), { kind: 'place', place: 's3://b/x/', name: undefined })
    assert.deepEqual(await destinationOf('s3://b/x/a'), { kind: 'place', place: 's3://b/x/', name: 'a' })
    assert.deepEqual(objectOf('/a'), { place: '/', name: 'a' })
    assert.deepEqual(objectOf('ssh://u@h/p/a.tar'), { place: 'ssh://u@h/p/', name: 'a.tar' })
    await assert.rejects(destinationOf(''), /say where to/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('rules of retention from flags', () => {
  const flags = { 'keep-last': 3, 'keep-daily': -1, 'keep-weekly': -1, 'keep-monthly': 0 }
  assert.deepEqual(retentionOf(flags, new Set()), {})
  assert.deepEqual(retentionOf(flags, new Set(['keep-last', 'keep-monthly'])), { keepLast: 3, keepMonthly: 0 })
  assert.throws(() => retentionOf(flags, new Set(['keep-daily'])), /must not be negative/)
  assert.throws(() => retentionOf(flags, new Set(['keep-monthly'])), /would keep nothing/)
})

test('the line of progress', () => {
  assert.equal(describe({ bytes: 5e6, total: -1 }, 0), '5MB')
  assert.equal(
    describe({ bytes: 5e6, total: 65e6, note: 'stored 1MB' }, 2e6),
    '5MB of 65MB, 2MB/s, 30 seconds left, stored 1MB',
  )
  assert.equal(describe({ bytes: 7e6, total: 5e6 }, 1e6), '7MB of 7MB, 1MB/s')
})

test('a row of a schedule', () => {
  const now = Date.parse('2026-01-02T03:00:00Z')
  const schedule = {
    ...{ id: 'abc', volumes: ['a', 'b'], when: '@every 6h', target: '/x/', enabled: true, runs: [] },
    nextAt: '2026-01-02T05:00:00Z',
  } as unknown as ScheduleJson
  const shown = ({ When, Next, Last, Status }: ReturnType<typeof rowOf>) => [When, Next, Last, Status]
  assert.deepEqual(shown(rowOf(schedule, now)), ['every 6h', 'in 2 hours', 'never', ''])
  const startedAt = '2026-01-02T02:00:00Z'
  const after = (run: object) =>
    shown(rowOf({ ...schedule, enabled: false, runs: [{ startedAt, ...run }] }, now)).slice(1)
  assert.deepEqual(after({}), ['paused', 'About an hour ago', 'running'])
  assert.deepEqual(after({ endedAt: startedAt, ok: true, bytes: 1234 }).at(-1), 'ok, 1.23kB')
  assert.deepEqual(after({ endedAt: startedAt, ok: false, message: 'no host' }).at(-1), 'failed: no host')
})

test('the first bytes of a stream, and no more', async () => {
  const source = Readable.from(['ab', 'cd', 'ef'].map(text => Buffer.from(text)))
  assert.equal((await firstBytes(source, 3)).toString(), 'abc')
  assert.equal(source.destroyed, true)
  assert.equal((await firstBytes(Readable.from([Buffer.from('x')]), 3)).toString(), 'x')
})
