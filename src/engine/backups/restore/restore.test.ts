import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { settle } from '#engine/containers/testing/manual-clock.ts'
import { BerthError } from '#lib/errors.ts'
import type { StartRestore } from '../service.ts'
import { Harness, indexOf } from '../testing/harness.ts'

const open = (t: Harness, part: Partial<StartRestore> = {}) =>
  t.backups.openRestore({ rename: {}, only: [], replace: false, foreign: false, verify: false, ...part })
const pieces = (...texts: string[]) => Readable.from(texts.map(text => Buffer.from(text)))

async function archive(t: Harness, volumes: string[], base?: Buffer): Promise<string> {
  const { stream } = await t.backups.start({
    volumes,
    format: 'zstd',
    pause: false,
    hooks: true,
    ...(base && { base }),
  })
  return t.read(stream)
}

/** What came after the backup was made. */
const since = (t: Harness, mark: number) => t.log.slice(mark)

describe('backups: restore', () => {
  it('takes pieces at their offsets, and shows nothing before the commit', async () => {
    const t = new Harness()
    t.volume('data', 'hello', { keep: 'me' })
    const text = await archive(t, ['data'])
    const mark = t.log.length
    t.records.delete('data')
    const { id, offset } = await open(t)
    assert.equal(offset, 0)
    assert.equal((await t.backups.feed(id, 0, pieces(text.slice(0, 10), text.slice(10, 30)))).offset, 30)
    await assert.rejects(t.backups.feed(id, 10, pieces('x')), (error: BerthError) => {
      assert.equal(error.message, `restore ${id} goes on at byte 30, and not at 10`)
      assert.deepEqual([error.kind, error.details], ['conflict', { offset: 30 }])
      return true
    })
    await t.backups.feed(id, 30, pieces(text.slice(30)))
    assert.equal(t.records.has('data'), false)
    const { state, volumes } = await t.backups.commit(id)
    assert.deepEqual([state, volumes], ['done', ['data']])
    assert.equal(t.content.get('/volumes/data'), 'hello')
    assert.deepEqual(t.records.get('data')!.labels, { keep: 'me' })
    assert.deepEqual(since(t, mark), ['stage data', 'commit data', 'restore data'])
    assert.equal((await t.backups.commit(id)).state, 'done')
    await assert.rejects(t.backups.feed(id, text.length, pieces('x')), /is complete/)
  })

  it('a piece that breaks half way counts as far as it came; a newer one ends it', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    const { id } = await open(t, { rename: { data: 'copy' } })
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from(text.slice(0, 7))
        throw new Error('the cable')
      })(),
    )
    await assert.rejects(t.backups.feed(id, 0, broken), /broke off; restore \w+ goes on at byte 7: ?|goes on at byte 7/)
    const hanging = new Readable({ read() {} })
    hanging.push(Buffer.from(text.slice(7, 9)))
    const old = t.backups.feed(id, 7, hanging).catch((error: unknown) => error)
    await settle()
    assert.equal(t.backups.restore(id).offset, 9)
    await t.backups.feed(id, 9, pieces(text.slice(9)))
    assert.equal(((await old) as BerthError).kind, 'cancelled')
    await t.backups.commit(id)
    assert.equal(t.content.get('/volumes/copy'), 'hello')
  })

  it('what is damaged fails the restore, and leaves the volume as it is', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    t.volume('data', 'newer')
    const { id } = await open(t, { replace: true })
    await t.backups.feed(id, 0, pieces(text.slice(0, 30)))
    await t.backups.feed(id, 30, pieces('ROTTEN')).catch(() => {})
    await assert.rejects(t.backups.commit(id), { message: 'archive is damaged', kind: 'invalid' })
    assert.deepEqual([t.backups.restore(id).state, t.content.get('/volumes/data')], ['failed', 'newer'])
    await assert.rejects(t.backups.feed(id, 36, pieces('x')), /archive is damaged/)
  })

  it('volumes with data and two restores onto one are refused', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    const first = await open(t)
    await t.backups.feed(first.id, 0, pieces(text))
    await assert.rejects(t.backups.commit(first.id), { message: 'volume data has data', kind: 'conflict' })

    const [one, two] = [await open(t, { replace: true }), await open(t, { replace: true })]
    await t.backups.feed(one.id, 0, pieces(text))
    const commitOne = t.backups.commit(one.id)
    await t.backups.feed(two.id, 0, pieces(text)).catch(() => {})
    await Promise.allSettled([commitOne, t.backups.commit(two.id)])
    assert.equal([one, two].filter(({ id }) => t.backups.restore(id).state === 'done').length >= 1, true)
  })

  it('several volumes: some of them, under other names', async () => {
    const t = new Harness()
    t.volume('one', '1')
    t.volume('two', '2')
    const text = await archive(t, ['one', 'two'])
    const restore = async (part: Partial<StartRestore>) => {
      const { id } = await open(t, part)
      await t.backups.feed(id, 0, pieces(text))
      return (await t.backups.commit(id)).volumes
    }
    assert.deepEqual(await restore({ only: ['two'], rename: { two: 'zwei' } }), ['zwei'])
    assert.deepEqual(await restore({ only: ['two'], rename: { '': 'deux' } }), ['deux'])
    assert.equal(t.content.get('/volumes/deux'), '2')
    await assert.rejects(restore({ rename: { '': 'x' } }), /holds one, two: which shall be x\?/)
    await assert.rejects(restore({ only: ['six'] }), /has no volume six: it holds one, two/)
    await assert.rejects(restore({ rename: { one: 'x', two: 'x' } }), /two volumes of the backup would become x/)
    assert.equal(t.records.has('x'), false)
  })

  it('a chain: the base first, then what goes on from it', async () => {
    const t = new Harness()
    t.volume('data', 'old')
    const full = await archive(t, ['data'])
    const fullId = (JSON.parse(full.split('\n')[0]!) as { header: { id: string } }).header.id
    t.content.set('/volumes/data', 'new')
    const more = await archive(t, ['data'], indexOf(fullId, ['data']))
    const alone = await open(t, { rename: { '': 'x' } })
    await t.backups.feed(alone.id, 0, pieces(more))
    await assert.rejects(t.backups.commit(alone.id), /is incremental: restore its base \w+ first \(--base\)/)

    const { id } = await open(t, { rename: { '': 'restored' } })
    await t.backups.feed(id, 0, pieces(full))
    const between = await t.backups.next(id)
    assert.deepEqual([between.state, between.offset], ['open', 0])
    await t.backups.feed(id, 0, pieces(more))
    await t.backups.commit(id)
    assert.equal(t.content.get('/volumes/restored'), 'new')

    const wrong = await open(t, { rename: { '': 'y' } })
    await t.backups.feed(wrong.id, 0, pieces(full))
    await t.backups.next(wrong.id)
    await t.backups.feed(wrong.id, 0, pieces(full))
    await assert.rejects(t.backups.commit(wrong.id), /is a full one, and cannot follow/)
    assert.equal(t.log.filter(line => line === 'abort y').length, 1)
  })

  it('verify changes nothing; an archive without an index needs a name and leave', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    const mark = t.log.length
    const check = await open(t, { verify: true })
    await t.backups.feed(check.id, 0, pieces(text))
    const { state, summary } = await t.backups.commit(check.id)
    assert.deepEqual([state, summary?.header?.volumes[0]?.name], ['verified', 'data'])
    assert.deepEqual(since(t, mark), [])

    const foreign = async (part: Partial<StartRestore>) => {
      const { id } = await open(t, part)
      await t.backups.feed(id, 0, pieces('some tar'))
      return t.backups.commit(id)
    }
    await assert.rejects(foreign({}), /has no index/)
    await assert.rejects(foreign({ foreign: true }), /no name for its volume: name one/)
    assert.deepEqual((await foreign({ foreign: true, rename: { '': 'there' } })).volumes, ['there'])
  })

  it('is given up after 15 idle minutes, at a stop of the daemon, and when asked to', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    const begin = async (name: string) => {
      const { id } = await open(t, { rename: { '': name } })
      await t.backups.feed(id, 0, pieces(text))
      await settle()
      return id
    }
    const id = await begin('idle')
    await t.clock.pass(14 * 60_000)
    assert.equal(t.backups.restore(id).state, 'open')
    await t.clock.pass(60_001)
    assert.throws(() => t.backups.restore(id), { kind: 'not-found' })

    const second = await begin('second')
    await t.backups.abort(second)
    assert.throws(() => t.backups.restore(second), { kind: 'not-found' })
    await begin('third')
    await t.backups.close()
    assert.equal(
      Array.from(t.content.keys()).some(path => path.startsWith('/staged')),
      false,
    )
  })

  it('that is given up while its place is made gives that back too', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    const { id } = await open(t, { rename: { data: 'copy' } })
    const made = Promise.withResolvers<void>()
    t.staging = made.promise
    await t.backups.feed(id, 0, pieces(text))
    const committed = t.backups.commit(id).catch((error: unknown) => error)
    await settle()
    const aborted = t.backups.abort(id)
    made.resolve()
    await aborted
    assert.equal(((await committed) as BerthError).kind, 'cancelled')
    assert.equal(t.log.filter(line => line === 'abort copy').length, 1)
    assert.equal(t.records.has('copy'), false)
    // Nobody has the name any more.
    const again = await open(t, { rename: { data: 'copy' } })
    await t.backups.feed(again.id, 0, pieces(text))
    assert.equal((await t.backups.commit(again.id)).state, 'done')
  })

  it('that is given up while its volumes are put in their places is done', async () => {
    const t = new Harness()
    t.volume('data', 'hello')
    const text = await archive(t, ['data'])
    t.volume('data', 'newer')
    const { id } = await open(t, { replace: true })
    await t.backups.feed(id, 0, pieces(text))
    const placed = Promise.withResolvers<void>()
    t.placing = placed.promise
    const committed = t.backups.commit(id)
    await settle()
    const aborted = t.backups.abort(id)
    placed.resolve()
    assert.equal((await committed).state, 'done')
    await aborted
    assert.equal(t.content.get('/volumes/data'), 'hello')
    assert.equal(t.log.includes('abort data'), false)
  })

  it('a volume may be called as anything of JavaScript', async () => {
    const t = new Harness()
    t.volume('constructor', 'hello')
    const text = await archive(t, ['constructor'])
    t.records.delete('constructor')
    const { id } = await open(t)
    await t.backups.feed(id, 0, pieces(text))
    assert.deepEqual((await t.backups.commit(id)).volumes, ['constructor'])
  })
})
