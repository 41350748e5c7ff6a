import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, it } from 'node:test'
import { storeSuite } from '#ports/store.suite.ts'
import { migrate } from './migrations.ts'
import { SqliteStore } from './sqlite-store.ts'

const dir = mkdtempSync(join(tmpdir(), 'berth-store-'))
let count = 0
const fresh = () => join(dir, `${count++}.db`)
after(() => rmSync(dir, { recursive: true }))

storeSuite('sqlite', () => new SqliteStore(fresh()))

describe('sqlite store', () => {
  it('survives without being closed: another one reads values, order and bigints', () => {
    const path = fresh()
    const first = new SqliteStore(path)
    const things = first.repository<{ n: number; big: bigint; text: string }>('things')
    for (const n of [3, 1, 2]) things.put(`k${n}`, { n, big: BigInt(n), text: '\0s disguised' })
    things.put('k3', { n: 33, big: 33n, text: '\0n5' })
    const second = new SqliteStore(path)
    assert.deepEqual(second.repository('things').list(), [
      { n: 33, big: 33n, text: '\0n5' },
      { n: 1, big: 1n, text: '\0s disguised' },
      { n: 2, big: 2n, text: '\0s disguised' },
    ])
    first.close()
    second.close()
  })

  it('reads 1,000 records of container size in a few milliseconds', () => {
    const store = new SqliteStore(fresh())
    const records = store.repository<Record<string, unknown>>('containers')
    const env = Array.from({ length: 30 }, (_, i) => `VARIABLE_${i}=some value or other ${i}`)
    store.transaction(() => {
      for (let i = 0; i < 1000; i++) {
        records.put(`id${i}`, { id: `id${i}`, config: { env, labels: { a: 'b', c: 'd' } }, mounts: [{ x: 1 }], n: i })
      }
    })
    records.list()
    const start = performance.now()
    for (let i = 0; i < 5; i++) assert.equal(records.list().length, 1000)
    const each = (performance.now() - start) / 5
    assert.ok(each < 25, `list took ${each} ms`)
    store.close()
  })

  it('refuses what JSON would lose, and keeps a label called __proto__', () => {
    const store = new SqliteStore(fresh())
    const things = store.repository<unknown>('things')
    assert.throws(() => things.put('a', { m: new Map() }), /cannot hold Map/)
    assert.throws(() => things.put('a', { n: Number.NaN }), /cannot hold NaN/)
    assert.equal(things.get('a'), undefined)
    const labels = JSON.parse('{"__proto__":"evil","x":"y"}') as unknown
    things.put('b', { labels })
    assert.deepEqual(Object.keys((things.get('b') as { labels: object }).labels), ['__proto__', 'x'])
    store.close()
  })

  it('says so when the file is no database, or from a newer berth', () => {
    const text = fresh()
    writeFileSync(text, 'this is not a database at all, just some text that is long enough to be looked at'.repeat(20))
    assert.throws(() => new SqliteStore(text), /is damaged: move it away/)
    const newer = fresh()
    const db = new DatabaseSync(newer)
    db.exec('PRAGMA user_version = 99')
    db.close()
    assert.throws(() => new SqliteStore(newer), /has schema 99 and this berth knows \d+: start a newer berth/)
  })

  it('migrates in one transaction, with a copy of the old store beside it', () => {
    const path = fresh()
    const one = [(db: DatabaseSync) => db.exec('CREATE TABLE a (x TEXT)')]
    const db = new DatabaseSync(path)
    migrate(db, path, one)
    db.exec(`INSERT INTO a VALUES ('old')`)
    assert.throws(
      () => migrate(db, path, [...one, db => db.exec('DROP TABLE a'), () => assert.fail('step 3')]),
      /could not be brought from schema 1 to 3/,
    )
    assert.equal(db.prepare('SELECT x FROM a').get()?.x, 'old')
    migrate(db, path, [...one, db => db.exec('ALTER TABLE a ADD y TEXT')])
    assert.equal(db.prepare('PRAGMA user_version').get()?.user_version, 2)
    const copy = new DatabaseSync(`${path}.v1`)
    assert.equal(copy.prepare('SELECT x FROM a').get()?.x, 'old')
    copy.close()
    db.close()
  })

  it('gives the room of what was deleted back', () => {
    const path = fresh()
    const store = new SqliteStore(path)
    const things = store.repository<string>('things')
    for (let i = 0; i < 500; i++) things.put(`k${i}`, 'x'.repeat(4000))
    store.compact()
    const size = () => statSync(path).size + statSync(`${path}-wal`).size
    assert.ok(size() > 2_000_000)
    for (let i = 1; i < 500; i++) things.delete(`k${i}`)
    store.compact()
    assert.ok(size() < 1_800_000, `${size()} bytes`)
    assert.equal(things.get('k0')?.length, 4000)
    store.transaction(() => store.compact())
    store.close()
    assert.equal(new SqliteStore(path).repository('things').count(), 1)
  })

  it('refuses asynchronous work in a transaction and undoes what it did', () => {
    const store = new SqliteStore(fresh())
    const things = store.repository<number>('things')
    assert.throws(() => store.transaction(async () => things.put('a', 1)), /must not be asynchronous/)
    assert.equal(things.get('a'), undefined)
    store.close()
  })
})
