import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settle } from '#engine/containers/testing/manual-clock.ts'
import { unavailable } from '#lib/errors.ts'
import { FakeTargets } from '#ports/testing/fake-targets.ts'
import type { NewSchedule } from '../service.ts'
import { Harness } from '../testing/harness.ts'
import { baseAmong } from './base.ts'
import { nextTime } from './when.ts'

const HOUR = 3_600_000
const nightly: NewSchedule = {
  volumes: ['data'],
  when: '@every 6h',
  target: '/backups',
  format: 'zstd',
  pause: false,
  fullEvery: 1,
  retention: {},
  recipients: [],
  environmentFile: '',
  enabled: true,
}

function setUp() {
  const targets = new FakeTargets()
  const t = new Harness({ targets })
  t.volume('data', 'hello')
  const names = () => Array.from(targets.places.get('/backups/')?.objects.keys() ?? []).sort()
  return { t, targets, names }
}

describe('backups: schedules', () => {
  it('go on with a volume that has another name', async () => {
    const { t, names } = setUp()
    const { id } = await t.backups.addSchedule(nightly)
    await t.clock.pass(12 * HOUR)
    t.volume('moved', 'hello')
    t.backups.renamed('data', 'moved')
    await t.clock.pass(12 * HOUR)
    assert.deepEqual(t.backups.schedule(id).volumes, ['moved'])
    assert.deepEqual(
      names().map(name => name.slice(0, name.indexOf('-'))),
      ['data', 'data', 'moved', 'moved'],
    )
    assert.ok(t.backups.schedule(id).runs.every(({ ok }) => ok))
  })

  it('run in time, one after the other, and say when they are next due', async () => {
    const { t, names } = setUp()
    const { id, nextAt } = await t.backups.addSchedule(nightly)
    assert.equal(nextAt, '2026-01-02T09:04:05.000Z')
    await t.clock.pass(6 * HOUR - 1)
    assert.deepEqual(names(), [])
    await t.clock.pass(1)
    await t.clock.pass(12 * HOUR)
    assert.deepEqual(names(), [
      'data-20260102T090405Z.tar.zst',
      'data-20260102T150405Z.tar.zst',
      'data-20260102T210405Z.tar.zst',
    ])
    const { runs } = t.backups.schedule(id.slice(0, 5))
    assert.deepEqual(
      runs.map(({ ok, name }) => [ok, name]),
      names()
        .map(name => [true, name])
        .toReversed(),
    )
    assert.ok(runs[0]!.bytes! > 0)
    t.backups.removeSchedule(id)
    await t.clock.pass(24 * HOUR)
    assert.equal(names().length, 3)
    assert.throws(() => t.backups.schedule(id), { kind: 'not-found' })
  })

  it('keep what the rules say, and tell what went', async () => {
    const { t, names } = setUp()
    const { id } = await t.backups.addSchedule({ ...nightly, retention: { keepLast: 2 } })
    await t.clock.pass(18 * HOUR)
    assert.deepEqual(names(), ['data-20260102T150405Z.tar.zst', 'data-20260102T210405Z.tar.zst'])
    assert.equal(t.backups.schedule(id).runs[0]!.message, 'removed data-20260102T090405Z.tar.zst')
  })

  it('a failure is recorded, an event, and no end of it', async () => {
    const { t, targets, names } = setUp()
    const { id } = await t.backups.addSchedule(nightly)
    const open = targets.open.bind(targets)
    targets.open = async () => {
      throw unavailable('host backup does not answer')
    }
    await t.clock.pass(6 * HOUR)
    const [run] = t.backups.schedule(id).runs
    assert.deepEqual([run?.ok, run?.message], [false, 'host backup does not answer'])
    assert.equal(t.log.at(-1), 'backup_failed data')
    targets.open = open
    await t.clock.pass(6 * HOUR)
    assert.equal(names().length, 1)
  })

  it('a run that was missed is made up once; one that was cut off, too; what was paused is not', async () => {
    const { t, names, targets } = setUp()
    const { id } = await t.backups.addSchedule(nightly)
    await t.backups.close()
    await t.clock.pass(50 * HOUR)
    assert.deepEqual(names(), [])
    await t.restart().recover()
    await t.clock.pass(1)
    assert.equal(names().length, 1)
    await t.clock.pass(6 * HOUR)
    assert.equal(names().length, 2)

    t.copying = new Promise(() => {})
    await t.clock.pass(6 * HOUR)
    assert.equal(t.backups.schedule(id).runs[0]!.endedAt, undefined)
    await assert.rejects(t.backups.runSchedule(id), /is making a backup already/)
    await t.backups.close()
    t.copying = Promise.resolve()
    await t.restart().recover()
    await t.clock.pass(1)
    assert.equal(names().length, 3)

    await t.backups.changeSchedule(id, false)
    await t.clock.pass(100 * HOUR)
    const { nextAt } = await t.backups.changeSchedule(id, true)
    assert.equal(nextAt, new Date(t.clock.now() + 6 * HOUR).toISOString())
    assert.equal(targets.places.get('/backups/')!.objects.size, 3)
  })

  it('on demand, with an environment of its own, encrypted', async () => {
    const { t, targets, names } = setUp()
    t.files.set('/etc/backup.env', '# key\nexport AWS_ACCESS_KEY_ID="AK"\nAWS_REGION=eu\n')
    const { id } = await t.backups.addSchedule({
      ...nightly,
      recipients: ['age1x'],
      environmentFile: '/etc/backup.env',
    })
    const { runs } = await t.backups.runSchedule(id)
    assert.deepEqual(names(), ['data-20260102T030405Z.tar.zst.age'])
    assert.equal(runs[0]!.ok, true)
    assert.deepEqual(targets.opened.at(-1)!.environment, { AWS_ACCESS_KEY_ID: 'AK', AWS_REGION: 'eu' })
    const { bytes } = targets.places.get('/backups/')!.objects.get(names()[0]!)!
    assert.match(bytes.toString(), /^sealed for age1x\n.*hello/s)
  })

  it('what cannot work is refused when it is made', async () => {
    const { t } = setUp()
    const add = (part: Partial<NewSchedule>) => t.backups.addSchedule({ ...nightly, ...part })
    await assert.rejects(add({ volumes: ['nope'] }), { message: 'get nope: no such volume' })
    await assert.rejects(add({ volumes: [] }), /at least one volume/)
    await assert.rejects(add({ when: 'teatime' }), /invalid time "teatime": use cron/)
    await assert.rejects(add({ when: '@every 5s' }), /a minute is the shortest/)
    await assert.rejects(add({ target: 'ftp://x' }), /unsupported place/)
    await assert.rejects(add({ fullEvery: 0 }), /invalid full-every 0/)
    await assert.rejects(add({ retention: { keepLast: 0 } }), /keep no backup at all/)
    assert.deepEqual(t.backups.schedules(), [])
    await settle()
  })
})

describe('backups: schedules, parts', () => {
  it('times', async () => {
    const at = (text: string) => Date.parse(text)
    assert.equal(await nextTime('@every 1h30m', at('2026-01-01T00:00:00Z')), at('2026-01-01T01:30:00Z'))
    const next = new Date(await nextTime('30 3 * * *', at('2026-01-01T00:00:00Z')))
    assert.deepEqual([next.getHours(), next.getMinutes()], [3, 30])
    await assert.rejects(nextTime('0 0 30 2 *', 0), /never comes|invalid time/)
    for (const wrong of ['@every', '@every 6', '* * * * * * *', ''])
      await assert.rejects(nextTime(wrong, 0), { kind: 'invalid' })
  })

  it('every n-th backup is a full one; a broken chain begins anew', () => {
    const full = 'data-20260101T000000Z.tar.zst'
    const one = 'data-20260102T000000Z-after-20260101T000000Z.tar.zst'
    const two = 'data-20260103T000000Z-after-20260102T000000Z.tar.zst'
    const base = (names: string[], every: number) =>
      baseAmong([...names, 'other.tar', 'x-20270101T000000Z.tar'], ['data'], every)?.name
    assert.equal(base([], 3), undefined)
    assert.equal(base([full], 1), undefined)
    assert.equal(base([full], 3), full)
    assert.equal(base([full, one], 3), one)
    assert.equal(base([full, one, two], 3), undefined)
    assert.equal(base([full, one, two], 4), two)
    assert.equal(base([one, two], 9), undefined)
  })
})
