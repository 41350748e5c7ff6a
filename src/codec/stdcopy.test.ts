import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frame, StdDecoder } from './stdcopy.ts'

test('frames come back whatever the cuts', () => {
  const whole = Buffer.concat([
    frame('stdout', Buffer.from('hello')),
    frame('stderr', Buffer.alloc(0)),
    frame('stderr', Buffer.from('oh no')),
  ])
  for (let cut = 1; cut <= whole.length; cut++) {
    const decoder = new StdDecoder()
    const got = { stdin: '', stdout: '', stderr: '', systemerr: '' }
    for (let at = 0; at < whole.length; at += cut) {
      for (const piece of decoder.push(whole.subarray(at, at + cut))) got[piece.stream] += piece.data.toString()
    }
    assert.deepEqual([got.stdout, got.stderr, decoder.complete], ['hello', 'oh no', true], `cut ${cut}`)
  }
})

test('a stream without framing is refused, and a torn one is not complete', () => {
  assert.throws(() => new StdDecoder().push(Buffer.from('plain text')), /not a multiplexed stream/)
  const decoder = new StdDecoder()
  decoder.push(frame('stdout', Buffer.from('hello')).subarray(0, 10))
  assert.equal(decoder.complete, false)
})
