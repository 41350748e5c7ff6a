import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKind } from '#lib/errors.ts'
import type { IdRange } from '#ports/mounts.ts'
import { checkIdMap, parseIdMap } from './idmap.ts'

/** What an id of the files shows as; undefined: nobody's. */
const shown = (ranges: IdRange[], id: number) => {
  const range = ranges.find(({ from, length }) => id >= from && id < from + length)
  return range && id - range.from + range.to
}

test('plain: two owners change places, all others stay', () => {
  for (const [owner, user] of [
    [1000, 33],
    [33, 1000],
    [0, 1],
    [1, 0],
    [0, 0xffff_fffe],
    [7, 7],
  ] as const) {
    const { uids, gids } = parseIdMap('', { uid: owner, gid: user }, { uid: user, gid: owner })
    for (const ranges of [uids, gids]) {
      assert.equal(shown(ranges, owner), user)
      assert.equal(shown(ranges, user), owner)
      for (const id of [0, 1, 34, 999, 65534, 0xffff_fffe].filter(id => id !== owner && id !== user))
        assert.equal(shown(ranges, id), id)
      assert.equal(
        ranges.reduce((sum, { length }) => sum + length, 0),
        0xffff_ffff,
      )
    }
  }
})

test('in full: ranges for users, and for groups the same unless said', () => {
  const me = { uid: 0, gid: 0 }
  assert.deepEqual(parseIdMap('uids=0-1000-1#5-6-2', me, me), {
    uids: [
      { from: 0, to: 1000, length: 1 },
      { from: 5, to: 6, length: 2 },
    ],
    gids: [
      { from: 0, to: 1000, length: 1 },
      { from: 5, to: 6, length: 2 },
    ],
  })
  assert.deepEqual(parseIdMap('gids=1-2-3;uids=4-5-6', me, me), {
    uids: [{ from: 4, to: 5, length: 6 }],
    gids: [{ from: 1, to: 2, length: 3 }],
  })
})

test('what makes no sense is refused by name', () => {
  for (const text of [
    'x',
    'uids=',
    'uids=1',
    'uids=1-2',
    'uids=1-2-0',
    'uids=1-2-4294967295',
    'gids=1-2-3',
    'uids=1-2-3;uids=1-2-3',
    'uids=1-5-3#3-9-1',
    'uids=1-5-3#9-6-1',
    'uids=-1-2-3',
    'uids=1-2-3#',
  ])
    assert.throws(
      () => checkIdMap(text),
      (error: unknown) => isKind(error, 'invalid') && (error as Error).message.startsWith('invalid idmap'),
      text,
    )
})
