import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interpolate } from './interpolate.ts'

const env: Record<string, string> = { A: 'a', EMPTY: '', B: 'b' }
const lookup = (name: string) => env[name]

const cases: [string, string][] = [
  ['plain', 'plain'],
  ['$A-${B}', 'a-b'],
  ['$$A', '$A'],
  ['${UNSET:-d}', 'd'],
  ['${EMPTY:-d}', 'd'],
  ['${EMPTY-d}', ''],
  ['${UNSET-${B}}', 'b'],
  ['${UNSET:-${ALSO:-${A}x}y}', 'axy'],
  ['${A:+set}', 'set'],
  ['${EMPTY:+set}', ''],
  ['${EMPTY+set}', 'set'],
  ['${A:?no}', 'a'],
  ['${UNSET}', ''],
  ['a:${A}:${UNSET:-http://x:80/{y}', 'a:a:http://x:80/{y'],
]
for (const [input, expected] of cases) {
  test(`interpolates ${input}`, () => assert.equal(interpolate(input, lookup), expected))
}

for (const input of ['${', '${A', '$ {A}', '${-x}', '$1', 'a$']) {
  test(`refuses ${input}`, () => assert.throws(() => interpolate(input, lookup), /invalid interpolation format/))
}

test('a required variable gives its own words', () => {
  assert.throws(() => interpolate('${X:?set X to the port}', lookup), {
    kind: 'invalid',
    message: 'required variable X is missing a value: set X to the port',
  })
})

test('unset plain references are reported', () => {
  const unset: string[] = []
  interpolate('${X} $Y ${Z:-1}', lookup, name => unset.push(name))
  assert.deepEqual(unset, ['X', 'Y'])
})
