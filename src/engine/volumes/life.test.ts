import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKind, system } from '#lib/errors.ts'
import type { Clock } from '#lib/clock.ts'
import type { VolumeChange } from './changes.ts'
import { fakeVolumes, killAtEveryCall, ROOT } from './testing/harness.ts'

const kind = (wanted: Parameters<typeof isKind>[1], words: RegExp) => (error: unknown) =>
  isKind(error, wanted) && words.test((error as Error).message)
const share = { type: 'nfs', device: ':/export', o: 'addr=10.0.0.5' }
type Host = ReturnType<typeof fakeVolumes>
const names = (host: Host) => host.volumes.list(new Map()).map(volume => volume.name)
const underWay = (host: Host) => host.store.repository<VolumeChange>('volume-changes').list()
const DAY = 86_400_000

/** A clock that tests set; sleepers wake when it has come to their time. */
function handClock() {
  let now = Date.parse('2026-01-10T00:00:00Z')
  let sleepers: { until: number; wake: () => void }[] = []
  const clock: Clock = {
    now: () => now,
    nowNano: () => BigInt(now) * 1_000_000n,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { until: now + ms, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter(one => one !== sleeper)
          reject(signal.reason as Error)
        })
      }),
  }
  const pass = async (ms: number) => {
    now += ms
    // One that wakes may sleep again.
    for (let i = 0; i < 50; i++) {
      const due = sleepers.filter(one => one.until <= now)
      sleepers = sleepers.filter(one => one.until > now)
      for (const one of due) one.wake()
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { clock, pass, sleeping: () => sleepers.length }
}

describe('volumes: rename', () => {
  it('gives a volume another name with all it has', async () => {
    const t = fakeVolumes()
    const made = await t.create('old', { labels: { a: 'b' } })
    await t.write('old', 'f', 'data')
    const renamed = await t.volumes.rename('old', 'new')
    assert.deepEqual(renamed, { ...made, name: 'new', mountpoint: `${ROOT}/new/_data` })
    assert.deepEqual([names(t), await t.files.list(ROOT)], [['new'], ['new']])
    assert.equal(await t.read('new', 'f'), 'data')
    assert.deepEqual(t.events, ['create old', 'rename new'])
    assert.throws(() => t.volumes.get('old'), kind('not-found', /no such volume/))
  })

  it('makes an anonymous volume a named one', async () => {
    const t = fakeVolumes()
    const { name } = await t.create('', { labels: { a: 'b' } })
    const renamed = await t.volumes.rename(name, 'mine')
    assert.deepEqual([renamed.anonymous, renamed.labels], [false, { a: 'b' }])
  })

  it('refuses what is used, absent, taken or wrong', async () => {
    const t = fakeVolumes()
    await t.create('used')
    await t.create('taken')
    t.volumes.setUsers(
      name => (name === 'used' ? ['c1'] : []),
      () => 'web',
    )
    const words: [string, string, Parameters<typeof isKind>[1], RegExp][] = [
      ['used', 'new', 'conflict', /^rename used: volume is in use by container web: remove it first$/],
      ['absent', 'new', 'not-found', /^get absent: no such volume$/],
      ['taken', 'used', 'conflict', /^rename taken: a volume named used exists/],
      ['taken', 'taken', 'conflict', /is its name already/],
      ['taken', '../x', 'invalid', /includes invalid characters/],
    ]
    for (const [name, to, wanted, says] of words) await assert.rejects(t.volumes.rename(name, to), kind(wanted, says))
    const staged = await t.stage('shared', { options: share })
    await assert.rejects(t.volumes.rename('taken', 'shared'), kind('conflict', /just being made/))
    await staged.abort()
    assert.deepEqual(names(t), ['used', 'taken'])
  })

  it('goes back when it cannot be recorded', async () => {
    const t = fakeVolumes()
    await t.create('old')
    await t.write('old', 'f', 'data')
    t.files.sync = async () => {
      throw system('no space left on device')
    }
    await assert.rejects(t.volumes.rename('old', 'new'), /no space left/)
    assert.deepEqual([names(t), await t.files.list(ROOT), underWay(t)], [['old'], ['old'], []])
  })

  it('lets there and back at once end somewhere', async () => {
    const t = fakeVolumes()
    await t.create('one')
    await t.create('two')
    const all = [t.volumes.rename('one', 'three'), t.volumes.rename('two', 'one'), t.volumes.rename('three', 'two')]
    await Promise.allSettled(all)
    assert.equal(names(t).length, 2)
    assert.deepEqual(await t.files.list(ROOT), names(t).toSorted())
  })

  it('bears one name or the other, whenever the daemon is killed', async () => {
    for (const options of [{}, share]) {
      const seen = new Set<string>()
      await killAtEveryCall(
        async t => {
          await t.create('old', { options, labels: { a: 'b' } })
          if (options !== share) await t.write('old', 'f', 'data')
        },
        t => t.volumes.rename('old', 'new'),
        async (t, moment) => {
          const [name = '', ...others] = names(t)
          seen.add(name)
          assert.deepEqual(others, [])
          assert.deepEqual(await t.files.list(ROOT), [name], `${moment}`)
          assert.deepEqual([t.volumes.get(name).labels, t.volumes.get(name).options], [{ a: 'b' }, options])
          assert.equal(t.volumes.get(name).mountpoint, `${ROOT}/${name}/_data`)
          if (options !== share) assert.equal(await t.read(name, 'f'), 'data')
          assert.deepEqual(underWay(t), [])
        },
      )
      assert.deepEqual(seen, new Set(['old', 'new']))
    }
  })
})

describe('volumes: update', () => {
  it('sets and removes labels', async () => {
    const t = fakeVolumes()
    await t.create('data', { labels: { a: '1', b: '2' } })
    const updated = await t.volumes.update('data', { labels: { a: null, c: '3' } })
    assert.deepEqual(updated.labels, { b: '2', c: '3' })
    const odd = JSON.parse('{"__proto__":"x"}') as Record<string, string>
    assert.equal(
      JSON.stringify((await t.volumes.update('data', { labels: odd })).labels),
      '{"b":"2","c":"3","__proto__":"x"}',
    )
    await t.volumes.update('data', { labels: JSON.parse('{"__proto__":null}') as Record<string, null> })
    assert.deepEqual(t.volumes.get('data'), updated)
    await assert.rejects(t.volumes.update('absent', { labels: {} }), kind('not-found', /no such volume/))
    await assert.rejects(t.volumes.update('data', { labels: { '': 'x' } }), kind('invalid', /a label needs a name/))
  })
})

describe('volumes: prune by plan', () => {
  it('says what goes and what stays, and why', async () => {
    const { clock, pass } = handClock()
    const t = fakeVolumes({ clock })
    await t.create('named', { labels: { keep: '1' } })
    await t.create('used')
    const { name: anonymous } = await t.create('')
    await t.volumes.mount('named', 'c')
    await pass(3 * DAY)
    await t.volumes.unmount('named', 'c')
    await pass(5 * 3_600_000)
    t.volumes.setUsers(
      name => (name === 'used' ? ['c2', 'c1'] : []),
      id => (id === 'c1' ? 'db' : 'web'),
    )
    const plan = await t.volumes.planPrune(new Map())
    assert.deepEqual(
      plan.remove.map(one => [one.name, one.reason, one.size, one.keepable]),
      [[anonymous, 'anonymous, used by no container since it was made 3 days ago', 4096, true]],
    )
    assert.deepEqual(plan.keep, [
      { name: 'named', reason: 'named: only anonymous volumes were asked for' },
      { name: 'used', reason: 'used by containers db and web' },
    ])
    const all = await t.volumes.planPrune(new Map([['all', ['1']]]))
    assert.equal(all.remove[0]!.reason, 'named, used by no container, last 5 hours ago')
    const filtered = new Map([
      ['all', ['1']],
      ['label!', ['keep=1']],
    ])
    assert.equal((await t.volumes.planPrune(filtered)).keep[0]!.reason, 'has label keep=1')
    await assert.rejects(t.volumes.planPrune(new Map([['until', ['1h']]])), kind('invalid', /invalid filter 'until'/))
    assert.deepEqual(names(t).length, 3)
  })

  it('removes exactly the plan: not what came into use, was made anew, or is not in it', async () => {
    const t = fakeVolumes()
    for (const name of ['goes', 'used', 'anew', 'gone']) await t.create(name)
    const plan = await t.volumes.planPrune(new Map([['all', ['1']]]))
    await t.create('later')
    for (const name of ['anew', 'gone']) await t.volumes.remove(name, { force: false })
    await t.create('anew')
    t.volumes.setUsers(
      name => (name === 'used' ? ['c'] : []),
      () => 'web',
    )
    const { deleted, kept, spaceReclaimed } = await t.volumes.applyPrune(plan, 0)
    assert.deepEqual(deleted, ['goes'])
    assert.equal(spaceReclaimed, 4096)
    assert.deepEqual(kept, [
      { name: 'used', reason: 'came to be used by container web' },
      { name: 'anew', reason: 'was made anew since the plan' },
      { name: 'gone', reason: 'is gone already' },
    ])
    assert.deepEqual(names(t), ['used', 'later', 'anew'])
    assert.deepEqual(await t.files.list(ROOT), ['anew', 'later', 'used'])
  })

  it('goes past a volume that cannot be removed', async () => {
    const t = fakeVolumes()
    await t.create('stuck', { options: share })
    await t.create('goes')
    t.mounts.unmount = async () => {
      throw system('device is busy')
    }
    const plan = await t.volumes.planPrune(new Map([['all', ['1']]]))
    const { deleted, kept } = await t.volumes.applyPrune(plan, 0)
    assert.deepEqual([deleted, kept], [['goes'], [{ name: 'stuck', reason: 'device is busy' }]])
    assert.deepEqual(names(t), ['stuck'])
  })

  it('has removed each volume or not, whenever the daemon is killed', async () => {
    for (const keep of [0, DAY]) {
      await killAtEveryCall(
        async t => {
          for (const name of ['one', 'two']) {
            await t.create(name)
            await t.write(name, 'f', name)
          }
        },
        async t => t.volumes.applyPrune(await t.volumes.planPrune(new Map([['all', ['1']]])), keep),
        async (t, moment) => {
          for (const name of names(t)) assert.equal(await t.read(name, 'f'), name)
          const trash = t.volumes.deleted()
          for (const entry of trash) {
            assert.equal(await t.files.read(`${entry.directory}/_data/f`), entry.volume.name)
            assert.equal(names(t).includes(entry.volume.name), false)
          }
          const directories = [...names(t), ...trash.map(entry => entry.directory.slice(ROOT.length + 1))]
          assert.deepEqual(await t.files.list(ROOT), directories.toSorted(), `${moment}`)
          if (keep > 0) assert.equal(directories.length, 2, `${moment}`)
        },
      )
    }
  })
})

describe('volumes: trash', () => {
  it('keeps a volume for its time, and gives it back', async () => {
    const { clock } = handClock()
    const t = fakeVolumes({ clock })
    const made = await t.create('data', { labels: { a: 'b' } })
    await t.write('data', 'f', 'precious')
    await t.volumes.remove('data', { force: false, keep: DAY })
    assert.deepEqual(names(t), [])
    const [entry] = t.volumes.deleted()
    assert.deepEqual([entry!.volume, entry!.expiresAt - clock.now(), entry!.size], [made, DAY, 8192])
    assert.match(entry!.id, /^[0-9a-f]{12}$/)
    assert.deepEqual(await t.volumes.restoreDeleted('data'), made)
    assert.equal(await t.read('data', 'f'), 'precious')
    assert.deepEqual([t.volumes.deleted(), await t.files.list(ROOT)], [[], ['data']])
    assert.deepEqual(t.events, ['create data', 'destroy data', 'create data'])
  })

  it('has several of one name: the last one by name, each by id, under other names too', async () => {
    const t = fakeVolumes()
    for (const text of ['first', 'second']) {
      await t.create('data')
      await t.write('data', 'f', text)
      await t.volumes.remove('data', { force: false, keep: DAY })
    }
    const [first] = t.volumes.deleted()
    await t.volumes.restoreDeleted('data')
    assert.equal(await t.read('data', 'f'), 'second')
    await assert.rejects(t.volumes.restoreDeleted('data'), kind('conflict', /a volume named data exists: .*--as/))
    const other = await t.volumes.restoreDeleted(first!.id, 'other')
    assert.deepEqual([other.name, other.mountpoint], ['other', `${ROOT}/other/_data`])
    assert.equal(await t.read('other', 'f'), 'first')
    await assert.rejects(t.volumes.restoreDeleted('data'), kind('not-found', /no such deleted volume: data/))
  })

  it('deletes when the time is up, also what an earlier daemon put there', async () => {
    const { clock, pass, sleeping } = handClock()
    const t = fakeVolumes({ clock })
    for (const [name, keep] of [
      ['short', DAY],
      ['long', 3 * DAY],
    ] as const) {
      await t.create(name)
      await t.volumes.remove(name, { force: false, keep })
    }
    assert.equal(sleeping(), 1)
    await pass(DAY - 1)
    assert.equal(t.volumes.deleted().length, 2)
    await pass(1)
    assert.deepEqual(
      t.volumes.deleted().map(entry => entry.volume.name),
      ['long'],
    )
    t.volumes.close()
    assert.equal(sleeping(), 0)
    const after = fakeVolumes({ ...t, clock })
    await after.volumes.recover(new Map())
    assert.equal((await t.files.list(ROOT)).length, 1)
    await pass(2 * DAY)
    assert.deepEqual([after.volumes.deleted(), await t.files.list(ROOT)], [[], []])
    after.volumes.close()
  })

  it('is emptied, one or all', async () => {
    const t = fakeVolumes()
    for (const name of ['one', 'two', 'three']) {
      await t.create(name)
      await t.volumes.remove(name, { force: false, keep: DAY })
    }
    const ids = t.volumes.deleted().map(entry => entry.id)
    assert.deepEqual(await t.volumes.emptyTrash('two'), { deleted: [ids[1]], spaceReclaimed: 4096 })
    await assert.rejects(t.volumes.emptyTrash('two'), kind('not-found', /no such deleted volume/))
    assert.deepEqual((await t.volumes.emptyTrash()).deleted, [ids[0], ids[2]])
    assert.deepEqual(await t.files.list(ROOT), [])
    t.volumes.close()
  })

  it('gives a volume back whole or leaves it there, whenever the daemon is killed', async () => {
    for (const as of [undefined, 'other']) {
      await killAtEveryCall(
        async t => {
          await t.create('data', { labels: { a: 'b' } })
          await t.write('data', 'f', 'precious')
          await t.volumes.remove('data', { force: false, keep: DAY })
        },
        t => t.volumes.restoreDeleted('data', as),
        async (t, moment) => {
          const [entry] = t.volumes.deleted()
          const at = entry ? entry.directory : `${ROOT}/${as ?? 'data'}`
          assert.equal(await t.files.read(`${at}/_data/f`), 'precious', `${moment}`)
          assert.deepEqual(names(t), entry ? [] : [as ?? 'data'])
          assert.deepEqual((entry?.volume ?? t.volumes.get(as ?? 'data')).labels, { a: 'b' })
          assert.equal((await t.files.list(ROOT)).length, 1)
          t.volumes.close()
        },
      )
    }
  })

  it('is put back when it cannot be recorded', async () => {
    const t = fakeVolumes()
    await t.create('data')
    await t.write('data', 'f', 'x')
    const put = t.files.rename.bind(t.files)
    t.files.rename = async (from, to) => {
      await put(from, to)
      t.store.failNextWrite(system('no space left on device'))
    }
    await assert.rejects(t.volumes.remove('data', { force: false, keep: DAY }), /no space left/)
    t.files.rename = put
    const after = fakeVolumes(t)
    await after.volumes.recover(new Map())
    assert.deepEqual([names(after), after.volumes.deleted(), await t.files.list(ROOT)], [['data'], [], ['data']])
  })
})

describe('volumes: clone', () => {
  it('makes a volume like another, with its data, and says how', async () => {
    const t = fakeVolumes()
    await t.create('data', { labels: { a: '1', b: '2' } })
    await t.write('data', 'f', 'precious')
    const { volume, method, live } = await t.volumes.clone('data', { name: 'copy', labels: { b: '3' } })
    assert.deepEqual([volume.name, volume.labels, method, live], ['copy', { a: '1', b: '3' }, 'copy', false])
    assert.equal(await t.read('copy', 'f'), 'precious')
    await t.write('copy', 'f', 'changed')
    assert.equal(await t.read('data', 'f'), 'precious')
    assert.deepEqual([underWay(t), await t.files.list(ROOT)], [[], ['copy', 'data']])
    await t.volumes.remove('data', { force: false })
  })

  it('says that a volume in use was copied as it was written to, and keeps it meanwhile', async () => {
    const t = fakeVolumes()
    await t.create('data')
    await t.volumes.mount('data', 'c')
    assert.equal((await t.volumes.clone('data', { name: 'copy', labels: {} })).live, true)
    await t.volumes.unmount('data', 'c')
    const copyTree = t.files.copyTree.bind(t.files)
    t.files.copyTree = async (from, to) => {
      await assert.rejects(t.volumes.remove('data', { force: true }), kind('conflict', /in use - \[clone /))
      return copyTree(from, to)
    }
    assert.equal((await t.volumes.clone('data', { name: 'other', labels: {} })).live, false)
  })

  it("makes a plain volume of a share's content", async () => {
    const t = fakeVolumes()
    await t.create('data', { options: share })
    await t.write('data', 'f', 'precious')
    const { volume } = await t.volumes.clone('data', { name: 'copy', labels: {} })
    assert.deepEqual(volume.options, {})
    assert.equal(await t.read('copy', 'f'), 'precious')
    assert.deepEqual(t.mounts.mounted, [])
  })

  it('refuses names that are taken or wrong, and leaves nothing of a copy that fails', async () => {
    const t = fakeVolumes()
    await t.create('data')
    await t.create('taken')
    const clone = (from: string, name: string) => t.volumes.clone(from, { name, labels: {} })
    await assert.rejects(clone('data', 'taken'), kind('conflict', /a volume named taken exists/))
    await assert.rejects(clone('data', 'data'), kind('invalid', /needs a name of its own/))
    await assert.rejects(clone('data', '../x'), kind('invalid', /includes invalid characters/))
    await assert.rejects(clone('absent', 'x1'), kind('not-found', /no such volume/))
    t.files.copyTree = async () => {
      throw system('no space left on device')
    }
    await assert.rejects(clone('data', 'copy'), /no space left/)
    assert.deepEqual([names(t), await t.files.list(ROOT), underWay(t)], [['data', 'taken'], ['data', 'taken'], []])
    await t.volumes.remove('data', { force: false })
  })

  it('is whole or absent, whenever the daemon is killed', async () => {
    let made = 0
    await killAtEveryCall(
      async t => {
        await t.create('data', { labels: { a: 'b' } })
        await t.write('data', 'f', 'precious')
      },
      t => t.volumes.clone('data', { name: 'copy', labels: {} }),
      async (t, moment) => {
        assert.equal(await t.read('data', 'f'), 'precious')
        assert.deepEqual([await t.files.list(ROOT), underWay(t)], [names(t).toSorted(), []], `${moment}`)
        if (names(t).length === 1) return
        made++
        assert.deepEqual(t.volumes.get('copy').labels, { a: 'b' })
        assert.equal(await t.read('copy', 'f'), 'precious')
      },
    )
    assert.ok(made >= 2)
  })
})
