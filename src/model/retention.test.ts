import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { backupName, formatByName, freeTime, parseBackupName, type NamedBackup } from './backup-name.ts'
import { expired, expiredNames } from './retention.ts'

const at = (text: string, base?: string): NamedBackup => {
  const name = backupName(['data'], Date.parse(text), {
    format: 'zstd',
    encrypted: false,
    ...(base !== undefined && { baseTime: Date.parse(base) }),
  })
  return parseBackupName(name)!
}
const left = (backups: NamedBackup[], retention: Parameters<typeof expired>[1]) => {
  const gone = new Set(expired(backups, retention))
  return backups.filter(backup => !gone.has(backup)).map(({ time }) => new Date(time).toISOString().slice(0, 16))
}

test('names tell volumes, time and base, and come back from themselves', () => {
  assert.equal(at('2026-01-02T03:04:05.678Z').name, 'data-20260102T030405Z.tar.zst')
  assert.equal(
    at('2026-01-03T00:00:00Z', '2026-01-02T00:00:00Z').name,
    'data-20260103T000000Z-after-20260102T000000Z.tar.zst',
  )
  const names = fc.array(fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,60}$/), { minLength: 1, maxLength: 5 })
  const seconds = fc.integer({ min: 0, max: 4_000_000_000 }).map(n => n * 1000)
  const format = fc.constantFrom('zstd' as const, 'gzip' as const, 'tar' as const)
  fc.assert(
    fc.property(names, seconds, fc.option(seconds, { nil: undefined }), format, fc.boolean(), (...all) => {
      const [volumes, time, baseTime, format, encrypted] = all
      const name = backupName(volumes, time, { format, encrypted, ...(baseTime !== undefined && { baseTime }) })
      const parsed = parseBackupName(name)
      if (baseTime !== undefined && baseTime >= time) return assert.equal(parsed, undefined)
      assert.deepEqual([parsed?.time, parsed?.baseTime], [time, baseTime])
      assert.equal(formatByName(name), format)
      assert.ok(name.length < 230)
    }),
  )
  for (const name of ['data.tar.zst', 'data-2026.tar', 'x-20261399T000000Z.tar'])
    assert.equal(parseBackupName(name), undefined)
})

test('last, daily, weekly and monthly ones stay; without a rule all do', () => {
  const all = ['2026-01-05T01', '2026-01-05T09', '2026-01-06T01', '2026-01-12T01', '2026-02-01T01', '2026-02-02T01']
  const backups = all.map(text => at(`${text}:00:00Z`))
  assert.deepEqual(
    left(backups, {}),
    all.map(text => `${text}:00`),
  )
  assert.deepEqual(left(backups, { keepLast: 2 }), ['2026-02-01T01:00', '2026-02-02T01:00'])
  assert.deepEqual(
    left(backups, { keepDaily: 5 }),
    all.slice(1).map(text => `${text}:00`),
  )
  assert.deepEqual(left(backups, { keepWeekly: 3 }), ['2026-01-12T01:00', '2026-02-01T01:00', '2026-02-02T01:00'])
  assert.deepEqual(left(backups, { keepMonthly: 2 }), ['2026-01-12T01:00', '2026-02-02T01:00'])
  assert.deepEqual(left(backups, { keepLast: 0 }), [])
})

test('a chain that a kept incremental one stands on stays', () => {
  const days = [1, 2, 3, 4].map(day => `2026-01-0${day}T00:00:00Z`)
  const backups = [at(days[0]!), at(days[1]!, days[0]), at(days[2]!, days[1]), at(days[3]!)]
  assert.deepEqual(expired(backups, { keepLast: 2 }), [])
  assert.deepEqual(expired(backups, { keepLast: 1 }), backups.slice(0, 3))
})

test('what an incremental one of some of the volumes goes on from stays; volumes of like names have nothing to do with it', () => {
  const names = [
    'a+b-20260101T000000Z.tar.zst',
    'a+b-20260102T000000Z.tar.zst',
    'a+b-20260103T000000Z.tar.zst',
    'a-20260104T000000Z-after-20260102T000000Z.tar.zst',
    'a_b-20260101T000000Z.tar.zst',
    'c-20260101T000000Z.tar.zst',
    'c-20260105T000000Z-after-20260101T000000Z.tar.zst',
    'notes.txt',
  ]
  assert.deepEqual(expiredNames(names, ['a', 'b'], { keepLast: 1 }), [names[0]])
  assert.deepEqual(expiredNames(names, ['a'], { keepLast: 0, keepDaily: 1 }), [])
})

test('many volumes, or long names, never share a name with others', () => {
  const many = (last: string) => [...Array.from({ length: 12 }, (_, i) => `some-volume-of-mine-${i}`), last]
  const names = [many('x'), many('y'), [`${'v'.repeat(200)}x`], [`${'v'.repeat(200)}y`]].map(volumes =>
    backupName(volumes, 0, { format: 'zstd', encrypted: true }),
  )
  assert.equal(new Set(names).size, 4)
  assert.deepEqual(
    names.map(name => [parseBackupName(name)?.time, name.length < 230]),
    names.map(() => [0, true]),
  )
})

test('whatever the rules: what is kept has its bases, the newest stays, and more rules keep more', () => {
  const count = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined })
  const rules = fc.record({ keepLast: count, keepDaily: count, keepWeekly: count, keepMonthly: count })
  const hours = fc.uniqueArray(fc.integer({ min: 0, max: 24 * 400 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(hours, fc.infiniteStream(fc.nat()), rules, (hours, dice, rules) => {
      const times = hours.sort((a, b) => a - b).map(hour => Date.UTC(2026, 0, 1) + hour * 3_600_000)
      const backups = times.map((time, i): NamedBackup => {
        const pick = dice.next().value!
        const base = i > 0 && pick % 3 > 0 ? times[pick % i] : undefined
        return { name: String(time), volumes: 'v', time, ...(base !== undefined && { baseTime: base }) }
      })
      const gone = expired(backups, rules)
      const kept = backups.filter(backup => !gone.includes(backup))
      const keptTimes = new Set(kept.map(({ time }) => time))
      for (const { baseTime } of kept) assert.ok(baseTime === undefined || keptTimes.has(baseTime))
      if (Object.values(rules).some(rule => (rule ?? 0) > 0)) assert.ok(keptTimes.has(times.at(-1)!))
      assert.deepEqual(
        gone,
        gone.toSorted((a, b) => a.time - b.time),
      )
      const more = expired(backups, { ...rules, keepLast: (rules.keepLast ?? 0) + 1 })
      assert.ok(Object.values(rules).every(rule => rule === undefined) || more.every(one => gone.includes(one)))
    }),
  )
})

test('two backups of one second get two times', () => {
  const first = at('2026-01-02T03:04:05Z')
  assert.equal(freeTime([first.name], ['data'], first.time + 700), first.time + 1000)
  assert.equal(freeTime([first.name], ['other'], first.time + 700), first.time)
  assert.equal(freeTime([], ['data'], first.time, first.time + 5000), first.time + 6000)
})
