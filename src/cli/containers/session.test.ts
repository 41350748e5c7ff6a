import assert from 'node:assert/strict'
import test from 'node:test'
import { DetachFilter, parseDetachKeys } from './session.ts'
import { startFailure } from './run.ts'

async function through(keys: string, chunks: string[]): Promise<{ passed: string; detached: boolean }> {
  let detached = false
  const filter = new DetachFilter(parseDetachKeys(keys), () => (detached = true))
  const passed: string[] = []
  filter.on('data', chunk => passed.push(String(chunk)))
  for (const chunk of chunks) filter.write(chunk)
  await new Promise(resolve => filter.end(resolve))
  return { passed: passed.join(''), detached }
}

test('detach keys: held while they may be meant, passed on when they are not', async () => {
  assert.deepEqual(await through('', ['ls\n']), { passed: 'ls\n', detached: false })
  assert.deepEqual(await through('', ['a\u0010\u0011b']), { passed: 'a', detached: true })
  assert.deepEqual(await through('', ['a\u0010', '\u0011b']), { passed: 'a', detached: true })
  assert.deepEqual(await through('', ['\u0010x\u0011']), { passed: '\u0010x\u0011', detached: false })
  assert.deepEqual(await through('', ['\u0010\u0010\u0011']), { passed: '\u0010', detached: true })
  assert.deepEqual(await through('ctrl-a,q', ['\u0001w\u0001q']), { passed: '\u0001w', detached: true })
})

test('detach keys are named', () => {
  assert.deepEqual(Array.from(parseDetachKeys('')), [16, 17])
  assert.deepEqual(Array.from(parseDetachKeys('ctrl-@,ctrl-[,a')), [0, 27, 97])
  assert.throws(() => parseDetachKeys('foo'), /invalid detach keys \(foo\)/)
})

test('why a start failed tells the exit code', () => {
  assert.equal(startFailure('exec: "nosuch": executable file not found in $PATH: unknown'), 127)
  assert.equal(startFailure('exec: "/x": stat /x: no such file or directory'), 127)
  assert.equal(startFailure('exec: "/etc": permission denied'), 126)
  assert.equal(startFailure('exec: "/etc": is a directory'), 126)
  assert.equal(startFailure('address already in use'), 125)
})
