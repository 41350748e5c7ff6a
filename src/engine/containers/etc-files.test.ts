import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedHosts, readdressed } from './etc-files.ts'

const LOCAL = '127.0.0.1\tlocalhost\n'
const ONE = `${LOCAL}10.0.0.2\tbox\n`
const TWO = `${ONE}10.1.0.2\tbox\n`

test('a file nobody touched becomes what it is to be', () => {
  assert.equal(mergedHosts(ONE, ONE, TWO), TWO)
  assert.equal(mergedHosts(TWO, TWO, ONE), ONE)
})

test("the container's own lines stay, and those of the network come and go", () => {
  const own = '192.0.2.1\tmine\n'
  assert.equal(mergedHosts(ONE + own, ONE, TWO), `${ONE}${own}10.1.0.2\tbox\n`)
  assert.equal(mergedHosts(`${ONE}${own}10.1.0.2\tbox\n`, TWO, ONE), ONE + own)
  assert.equal(mergedHosts(own.trimEnd(), ONE, TWO), `${own}10.1.0.2\tbox\n`)
})

test('a line that is there already is not doubled', () => {
  assert.equal(mergedHosts(`${TWO}# end\n`, ONE, TWO), `${TWO}# end\n`)
})

test('a link whose container has another address now is readdressed, and nothing else', () => {
  const current = `${TWO}10.0.0.5\tdb 0123456789ab database\n192.0.2.1\tmine\n`
  const wanted = `${TWO}10.0.0.9\tdb 0123456789ab database\n`
  assert.equal(readdressed(current, wanted), `${TWO}10.0.0.9\tdb 0123456789ab database\n192.0.2.1\tmine\n`)
})
