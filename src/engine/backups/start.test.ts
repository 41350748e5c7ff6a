import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { settle } from '#engine/containers/testing/manual-clock.ts'
import type { StartBackup } from './service.ts'
import { Harness, indexOf } from './testing/harness.ts'

const start = (t: Harness, volumes: string[], part: Partial<StartBackup> = {}) =>
  t.backups.start({ volumes, format: 'zstd', pause: false, hooks: true, ...part })

describe('backups: start', () => {
  it('holds the volume while it is read, and lets it go at the end', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const { id, stream, totalBytes } = await start(t, ['data'])
    assert.equal(totalBytes, 5)
    assert.deepEqual(t.log, ['mount data'])
    assert.match(await t.read(stream), /hello.*\nEND$/)
    assert.deepEqual(t.log, ['mount data', 'unmount data', 'backup data'])
    const { state, summary } = t.backups.get(id)
    assert.deepEqual([state, summary?.header?.volumes[0]?.consistency], ['done', 'live'])
    assert.throws(() => t.backups.get('x'), { kind: 'not-found' })
  })

  it('asks for what is there before it touches anything', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    t.container('web', ['data'])
    await assert.rejects(start(t, ['data', 'nope'], { pause: true }), { message: 'get nope: no such volume' })
    await assert.rejects(start(t, []), { kind: 'invalid' })
    await assert.rejects(start(t, ['data', 'data']), /named twice/)
    const base = indexOf('b'.repeat(32), ['other'])
    await assert.rejects(start(t, ['data'], { base }), /holds other, and nothing of data/)
    await assert.rejects(start(t, ['data'], { base: Buffer.from('rubbish') }), { kind: 'invalid' })
    assert.deepEqual(t.log, [])
  })

  it('freezes running users of all volumes until the end, and leaves those alone that were paused', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.volume('two', '2')
    t.container('a', ['one'])
    t.container('b', ['two', 'one'])
    t.container('c', ['two'], {}, 'paused')
    t.container('d', ['other'])
    t.container('e', ['two'], {}, 'exited')
    const { id, stream } = await start(t, ['one', 'two'], { pause: true })
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map(name => t.stateOf(name)),
      ['paused', 'paused', 'paused', 'running', 'exited'],
    )
    await t.read(stream)
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map(name => t.stateOf(name)),
      ['running', 'running', 'paused', 'running', 'exited'],
    )
    assert.deepEqual(
      t.backups.get(id).summary?.header?.volumes.map(one => one.consistency),
      ['paused', 'paused'],
    )
  })

  it('passwords of shares are in no archive', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const options = { type: 'cifs', o: 'username=u,password=secret', device: '//nas/share', size: '1g' }
    t.records.set('data', { ...t.records.get('data')!, options })
    const text = await t.read((await start(t, ['data'])).stream)
    assert.doesNotMatch(text, /secret/)
    assert.match(text, /"options":\{"size":"1g"\}/)
  })

  it('with snapshots nobody stands still longer than it takes to make them', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'])
    t.snapshots.add('one')
    const { stream } = await start(t, ['one'], { pause: true })
    assert.equal(t.stateOf('a'), 'running')
    t.content.set('/volumes/one', 'changed')
    assert.match(await t.read(stream), /"contents":\["1"\]/)
    assert.deepEqual(t.log, [
      'mount one',
      'pause a',
      'snapshot one',
      'unpause a',
      'release one',
      'unmount one',
      'backup one',
    ])
  })

  it('two backups of a container at once: it goes on when both are over', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'])
    const first = await start(t, ['one'], { pause: true })
    const copying = Promise.withResolvers<void>()
    t.copying = copying.promise
    const second = await start(t, ['one'], { pause: true })
    await t.read(first.stream)
    assert.equal(t.stateOf('a'), 'paused')
    copying.resolve()
    await t.read(second.stream)
    assert.equal(t.stateOf('a'), 'running')
  })

  it('a client that hangs up ends it: thawed, let go, told as failed', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'], { 'berth.backup.after': 'leave' })
    t.copying = new Promise(() => {})
    const { id, stream } = await start(t, ['one'], { pause: true })
    stream.destroy()
    await settle()
    assert.equal(t.stateOf('a'), 'running')
    assert.deepEqual(t.log.slice(2), ['unpause a', 'exec a: leave', 'unmount one', 'backup_failed one'])
    const { state, error } = t.backups.get(id)
    assert.deepEqual([state, error], ['failed', 'whoever took the backup went away before its end'])
  })

  it('a daemon that stops thaws first; one that was killed does when it comes back', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'])
    t.container('mine', ['one'], {}, 'paused')
    t.copying = new Promise(() => {})
    const { stream } = await start(t, ['one'], { pause: true })
    const broken = once(stream, 'error')
    await t.backups.close()
    assert.match(String((await broken)[0]), /daemon is stopping/)
    assert.equal(t.stateOf('a'), 'running')

    await start(t, ['one'], { pause: true })
    assert.equal(t.stateOf('a'), 'paused')
    // Killed: nothing of the old one is heard any more.
    await t.restart().recover()
    assert.deepEqual([t.stateOf('a'), t.stateOf('mine')], ['running', 'paused'])
    assert.equal(t.store.repository('backup-freezes').count(), 0)
  })
})

describe('backups: hooks', () => {
  const labels = { 'berth.backup.before': 'enter', 'berth.backup.during': 'hold', 'berth.backup.after': 'leave' }
  const hold = (t: Harness, code = 0) =>
    t.commands.set('hold', exec => {
      exec.say('starting\nready\n')
      exec.stdin.once('end', () => exec.end(code))
    })

  it('run around the copy, in order; what holds is ended before what comes after', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'], labels)
    hold(t)
    const { stream } = await start(t, ['one'], { pause: true })
    await t.read(stream)
    assert.deepEqual(t.log, [
      'mount one',
      'exec a: enter',
      'exec a: hold',
      'pause a',
      'unpause a',
      'end of input: hold',
      'exec a: leave',
      'unmount one',
      'backup one',
    ])
    t.log.length = 0
    await t.read((await start(t, ['one'], { hooks: false })).stream)
    assert.deepEqual(t.log, ['mount one', 'unmount one', 'backup one'])
  })

  it('of a volume run once, in the first container that has none of its own', async () => {
    const t = new Harness()
    t.volume('one', '1', { 'berth.backup.before': 'of the volume' })
    t.container('a', ['one'])
    t.container('b', ['one'])
    t.container('c', ['one'], { 'berth.backup.before': 'own' })
    await t.read((await start(t, ['one'])).stream)
    assert.deepEqual(
      t.log.filter(line => line.startsWith('exec')),
      ['exec a: of the volume', 'exec c: own'],
    )
  })

  it('one that fails before fails the backup with its words; after runs for those that were entered', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'], labels)
    t.container('b', ['one'], { ...labels, 'berth.backup.before': 'bad', 'berth.backup.after': 'leave b' })
    t.container('c', ['one'], { ...labels, 'berth.backup.after': 'leave c' })
    hold(t)
    t.commands.set('bad', exec => {
      exec.say('no such database\n')
      exec.end(3)
    })
    await assert.rejects(start(t, ['one']), {
      message: 'berth.backup.before of container b ended with code 3: no such database',
      kind: 'conflict',
    })
    assert.deepEqual(t.log.slice(1, -2), [
      'exec a: enter',
      'exec a: hold',
      'exec b: bad',
      'exec b: leave b',
      'end of input: hold',
      'exec a: leave',
    ])
  })

  it('one that fails after breaks the stream before its end: what came is no backup', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'], labels)
    hold(t, 1)
    const { id, stream } = await start(t, ['one'])
    await assert.rejects(t.read(stream), /berth.backup.during of container a ended with code 1: starting\nready/)
    assert.equal(t.backups.get(id).state, 'failed')
    assert.deepEqual(t.log.slice(-3), ['exec a: leave', 'unmount one', 'backup_failed one'])
  })

  it('one that takes too long is ended', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'], { 'berth.backup.during': 'never', 'berth.backup.timeout': '5' })
    t.commands.set('never', () => {})
    const starting = start(t, ['one'])
    const refused = assert.rejects(
      starting,
      /during of container a took longer than 5 s \(label berth.backup.timeout\)/,
    )
    await t.clock.pass(5000)
    await refused
    assert.ok(t.log.includes('signal 9: never'))
  })

  it('a container that is paused cannot run one', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.container('a', ['one'], labels, 'paused')
    await assert.rejects(start(t, ['one']), /before of container a cannot run \(--no-hooks leaves such commands out\)/)
  })
})
