import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { FakeUsage } from '#ports/testing/fake-usage.ts'
import { Accounts } from './accounts.ts'

/** Sleeps last a fiftieth of what is asked. */
function setUp(store = new FakeStore()) {
  const usage = new FakeUsage(new FakeFiles())
  let now = 1_000_000
  const clock: Clock = {
    now: () => now,
    nowNano: () => BigInt(now) * 1_000_000n,
    sleep: (ms, signal) => sleep(ms / 50, undefined, { ref: true, ...(signal && { signal }) }),
  }
  const accounts = new Accounts({ store, usage, clock, log: silentLogger, dataRoot: '/data' })
  const tree = (path: string, inUse = false) => ({ path, witness: path, inUse })
  const bytes = async (path: string, inUse = false) => (await accounts.report([tree(path, inUse)])).get(path)!
  return { accounts, usage, store, tree, bytes, pass: (ms: number) => (now += ms) }
}

/** Until the background has done what it has. */
const quiet = () => sleep(60)

describe('accounts', () => {
  it('measures once what nobody touches, and the figure outlives the daemon', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 5000, files: 3 })
    assert.deepEqual(await t.accounts.of(t.tree('/v/a')), {
      path: '/v/a',
      bytes: 5000,
      files: 3,
      measuredAt: 1_000_000,
      tookMs: (await t.accounts.of(t.tree('/v/a'))).tookMs,
      stamp: 'one',
      settled: true,
    })
    assert.equal((await t.bytes('/v/a')).bytes, 5000)
    const later = setUp(t.store)
    later.usage.put('/v/a', { bytes: 9, files: 9 })
    assert.equal((await later.accounts.of(later.tree('/v/a'))).bytes, 5000)
    assert.deepEqual([t.usage.walked, later.usage.walked], [['/v/a'], []])
  })

  it('measures again what was changed behind its back, however long it takes', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 1, files: 1 })
    await t.bytes('/v/a')
    t.usage.put('/v/a', { bytes: 2, files: 1 }, 'two')
    const release = t.usage.hold('/v/a')
    const answer = t.bytes('/v/a')
    await sleep(50)
    release()
    assert.deepEqual((({ bytes, stale }) => ({ bytes, stale }))(await answer), { bytes: 2, stale: false })
  })

  it('looks as far as there is time whether the host changed something deep in a tree', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 1, files: 1 })
    await t.bytes('/v/a')
    t.usage.put('/v/a', { bytes: 2, files: 1 })
    assert.equal((await t.bytes('/v/a')).bytes, 1, 'trusted for a moment')
    t.pass(2_000)
    assert.equal((await t.bytes('/v/a')).bytes, 2)
  })

  it('shows the last figure of what is in use when a walk takes too long, and goes on behind', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 1, files: 1 })
    t.usage.put('/v/b', { bytes: 10, files: 1 })
    t.accounts.changing('/v/a')
    await t.bytes('/v/a', true)
    t.usage.put('/v/a', { bytes: 2, files: 1 })
    const release = t.usage.hold('/v/a')
    const report = await t.accounts.report([t.tree('/v/a', true), t.tree('/v/b')])
    assert.deepEqual([report.get('/v/a')?.bytes, report.get('/v/a')?.stale], [1, true])
    assert.deepEqual([report.get('/v/b')?.bytes, report.get('/v/b')?.stale], [10, false])
    release()
    await quiet()
    const release2 = t.usage.hold('/v/a')
    assert.equal((await t.bytes('/v/a', true)).bytes, 2)
    release2()
    await t.accounts.close()
  })

  it('does not keep a figure that a writer came into, before, during or after', async () => {
    for (const when of ['before', 'during', 'after']) {
      const t = setUp()
      t.usage.put('/v/a', { bytes: 1, files: 1 })
      if (when === 'before') t.accounts.changing('/v/a')
      const release = t.usage.hold('/v/a')
      const first = t.accounts.of(t.tree('/v/a'))
      await sleep(5)
      if (when === 'during') t.accounts.changing('/v/a')
      release()
      await first
      if (when === 'after') t.accounts.changing('/v/a')
      t.usage.put('/v/a', { bytes: 2, files: 1 })
      assert.equal((await t.accounts.of(t.tree('/v/a'))).bytes, 2, when)
      // The daemon was killed: that somebody wrote is on disk.
      const later = setUp(t.store)
      later.usage.put('/v/a', { bytes: 3, files: 1 })
      if (when !== 'during') assert.equal((await later.accounts.of(later.tree('/v/a'))).bytes, 3, when)
    }
  })

  it('measures when the last writer has gone, before anybody asks', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 7, files: 1 })
    t.accounts.changing('/v/a')
    t.accounts.settled('/v/a')
    await quiet()
    assert.deepEqual(t.usage.walked, ['/v/a'])
    assert.equal((await t.accounts.of(t.tree('/v/a'))).bytes, 7)
    assert.deepEqual(t.usage.walked, ['/v/a'])
    t.accounts.retain(new Set())
    await t.accounts.of(t.tree('/v/a'))
    assert.deepEqual(t.usage.walked, ['/v/a', '/v/a'])
  })

  it('does not walk all the time what comes and goes, and forgets what is gone', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 7, files: 1 })
    const release = t.usage.hold('/v/a')
    const first = t.accounts.of(t.tree('/v/a'))
    await sleep(30)
    release()
    const { tookMs } = await first
    for (let i = 0; i < 5; i++) {
      t.accounts.changing('/v/a')
      t.accounts.settled('/v/a')
      await quiet()
    }
    assert.equal(t.usage.walked.length, 1)
    t.pass(tookMs * 20 + 1)
    t.accounts.settled('/v/a')
    await quiet()
    assert.equal(t.usage.walked.length, 2)
    t.accounts.gone('/v/a')
    await t.accounts.of(t.tree('/v/a'))
    assert.equal(t.usage.walked.length, 3)
  })

  it('writes nothing on a full disk, and knows all the same', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 7, files: 1 })
    t.usage.free = 0
    t.store.failNextWrite(new Error('it was written'))
    assert.equal((await t.accounts.of(t.tree('/v/a'))).bytes, 7)
    t.accounts.changing('/v/a')
    assert.equal((await t.bytes('/v/a')).bytes, 7)
    t.usage.free = 1e9
    await t.bytes('/v/a', true)
    assert.deepEqual(t.usage.walked, ['/v/a', '/v/a', '/v/a'])
  })

  it('walks once for all who ask at the same time', async () => {
    const t = setUp()
    t.usage.put('/v/a', { bytes: 7, files: 1 })
    await Promise.all([t.bytes('/v/a'), t.bytes('/v/a'), t.accounts.of(t.tree('/v/a'))])
    assert.deepEqual(t.usage.walked, ['/v/a'])
  })
})
