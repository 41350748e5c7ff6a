import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '#ports/store.ts'

interface Thing {
  name: string
  tags: string[]
  big?: bigint
}

/** What every store owes its callers. `make` gives an empty store. */
export function storeSuite(name: string, make: () => Store): void {
  describe(`store: ${name}`, () => {
    it('gives back what was put, as a copy both ways', () => {
      const store = make()
      const things = store.repository<Thing>('things')
      const mine: Thing = { name: 'a', tags: ['x'] }
      things.put('a', mine)
      mine.tags.push('mutated after put')
      const read = things.get('a')!
      assert.deepEqual(read, { name: 'a', tags: ['x'] })
      read.tags.push('mutated after get')
      assert.deepEqual(things.get('a')!.tags, ['x'])
      things.list()[0]!.tags.push('mutated after list')
      assert.deepEqual(things.get('a')!.tags, ['x'])
      store.close()
    })

    it('keeps bigints, empty strings, unicode and nested nulls', () => {
      const store = make()
      const things = store.repository<unknown>('things')
      const value = { big: 12345678901234567890n, nested: [{ big: -1n }, null, ''], text: 'ünï\u0000✓', no: false }
      things.put('k', value)
      assert.deepEqual(things.get('k'), value)
      store.close()
    })

    it('lists in order of insertion; an update keeps its place, a delete and put goes to the end', () => {
      const store = make()
      const things = store.repository<Thing>('things')
      for (const key of ['c', 'a', 'b']) things.put(key, { name: key, tags: [] })
      things.put('c', { name: 'c2', tags: [] })
      assert.deepEqual(
        things.list().map(t => t.name),
        ['c2', 'a', 'b'],
      )
      assert.equal(things.delete('c'), true)
      assert.equal(things.delete('c'), false)
      things.put('c', { name: 'c3', tags: [] })
      assert.deepEqual(
        things.list().map(t => t.name),
        ['a', 'b', 'c3'],
      )
      assert.equal(things.count(), 3)
      assert.equal(things.get('nope'), undefined)
      store.close()
    })

    it('keeps collections apart, also odd names', () => {
      const store = make()
      store.repository<Thing>('one').put('k', { name: 'one', tags: [] })
      store.repository<Thing>('endpoint-leases').put('k', { name: 'two', tags: [] })
      assert.equal(store.repository<Thing>('one').get('k')!.name, 'one')
      assert.equal(store.repository<Thing>('endpoint-leases').get('k')!.name, 'two')
      assert.equal(store.repository<Thing>('never-written').count(), 0)
      store.close()
    })

    it('undoes a whole transaction that throws, reads inside it see its writes', () => {
      const store = make()
      const things = store.repository<Thing>('things')
      things.put('kept', { name: 'kept', tags: [] })
      assert.throws(
        () =>
          store.transaction(() => {
            things.put('gone', { name: 'gone', tags: [] })
            things.put('kept', { name: 'changed', tags: [] })
            store.repository<Thing>('fresh').put('x', { name: 'x', tags: [] })
            assert.equal(things.get('gone')!.name, 'gone')
            throw new Error('stop')
          }),
        /stop/,
      )
      assert.equal(things.get('gone'), undefined)
      assert.equal(things.get('kept')!.name, 'kept')
      assert.equal(store.repository<Thing>('fresh').count(), 0)
      store.close()
    })

    it('nests: an inner failure that is caught undoes the inner part only', () => {
      const store = make()
      const things = store.repository<Thing>('things')
      const answer = store.transaction(() => {
        things.put('outer', { name: 'outer', tags: [] })
        assert.throws(() =>
          store.transaction(() => {
            things.put('inner', { name: 'inner', tags: [] })
            throw new Error('inner')
          }),
        )
        return 42
      })
      assert.equal(answer, 42)
      assert.deepEqual(
        things.list().map(t => t.name),
        ['outer'],
      )
      store.close()
    })
  })
}
