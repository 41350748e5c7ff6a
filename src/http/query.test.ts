import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Query } from './query.ts'

test('booleans as Docker reads them', () => {
  const query = new Query('a=1&b=true&c=0&d=false&e=&f=no&g=None&h=anything')
  const read = [...'abcdefgh'].map(key => query.bool(key))
  assert.deepEqual(read, [true, true, false, false, false, false, false, true])
  assert.equal(query.bool('absent'), false)
  assert.equal(query.bool('absent', true), true)
})

test('integers and their errors', () => {
  const query = new Query('a=-5&b=&c=1.5&d=9223372036854775808&e=%2B7')
  assert.equal(query.int('a'), -5)
  assert.equal(query.int('b'), undefined)
  assert.equal(query.int('e'), 7)
  assert.throws(() => query.int('c'), { message: 'strconv.ParseInt: parsing "1.5": invalid syntax' })
  assert.throws(() => query.int('d'), { message: /value out of range$/ })
})

test('times keep nanoseconds', () => {
  const query = new Query('a=1136073600.000000001&b=1136073600&c=1.5&d=2006-01-02&e=0')
  assert.equal(query.time('a'), 1_136_073_600_000_000_001n)
  assert.equal(query.time('b'), 1_136_073_600_000_000_000n)
  assert.equal(query.time('c'), 1_500_000_000n)
  assert.equal(query.time('e'), 0n)
  assert.equal(query.time('absent'), undefined)
  assert.throws(() => query.time('d'), { kind: 'invalid' })
})

test('filters in both spellings', () => {
  const read = (value: unknown) => [...new Query(`filters=${encodeURIComponent(JSON.stringify(value))}`).filters()]
  assert.deepEqual(read({ label: ['a', 'b=c'] }), [['label', ['a', 'b=c']]])
  assert.deepEqual(read({ label: { a: true, b: false } }), [['label', ['a']]])
  assert.deepEqual(read(null), [])
  assert.deepEqual([...new Query('').filters()], [])
})
