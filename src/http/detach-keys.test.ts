import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from './detach-keys.ts'

test('sequences: control keys, single letters, the default', () => {
  assert.deepEqual([...parseDetachKeys('')], [16, 17])
  assert.deepEqual([...parseDetachKeys('ctrl-@,ctrl-a,ctrl-z')], [0, 1, 26])
  assert.deepEqual([...parseDetachKeys('ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_')], [27, 28, 29, 30, 31])
  assert.deepEqual([...parseDetachKeys('D,e')], [68, 101])
  for (const wrong of ['ctrl-', 'ctrl-ab', 'ctrl-1', 'xy', 'a,,b', 'é']) {
    assert.throws(() => parseDetachKeys(wrong), { kind: 'invalid', message: /^Invalid detach keys/ }, wrong)
  }
})

/** What passes through, however the input is cut, and whether it detached. */
async function scan(keys: Buffer, pieces: string[]): Promise<{ passed: string; detached: boolean }> {
  let detached = false
  const scanner = new DetachScanner(keys, () => (detached = true))
  for (const piece of pieces) scanner.write(Buffer.from(piece, 'latin1'))
  scanner.end()
  let passed = ''
  for await (const chunk of scanner) passed += (chunk as Buffer).toString('latin1')
  return { passed, detached }
}

test('the sequence is found wherever packets are cut, and nothing else is lost', async () => {
  const typed = 'a\x10b\x10\x10\x11lost'
  for (let cut = 0; cut <= typed.length; cut++) {
    const pieces = [typed.slice(0, cut), typed.slice(cut)]
    assert.deepEqual(await scan(DEFAULT_DETACH_KEYS, pieces), { passed: 'a\x10b\x10', detached: true }, `cut at ${cut}`)
  }
  const plain = 'x\x10y\x11\x10z'
  for (let cut = 0; cut <= plain.length; cut++) {
    const pieces = [plain.slice(0, cut), plain.slice(cut)]
    assert.deepEqual(await scan(DEFAULT_DETACH_KEYS, pieces), { passed: plain, detached: false }, `cut at ${cut}`)
  }
})

test('a held key is given back at the end of input', async () => {
  assert.deepEqual(await scan(DEFAULT_DETACH_KEYS, ['ab\x10']), { passed: 'ab\x10', detached: false })
})
