import assert from 'node:assert/strict'
import test from 'node:test'
import { Window } from './window.ts'

const never = new AbortController().signal
const text = async (window: Window, offset: number, upTo = Infinity) => {
  let read = ''
  for await (const chunk of window.from(offset, never)) {
    read += String(chunk)
    if (read.length >= upTo) break
  }
  return read
}
async function* source(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part)
}

test('what was not acknowledged is read again, from the middle of a chunk too', async () => {
  const window = new Window(source('abcd', 'efgh', 'ijkl'))
  assert.equal(await text(window, 0, 5), 'abcdefgh')
  assert.equal(await text(window, 2), 'cdefghijkl')
  window.acknowledge(6)
  assert.equal(await text(window, 6), 'ghijkl')
  assert.equal(await text(window, 12), '')
  await assert.rejects(text(window, 3), /byte 3 is gone/)
})

test('the source waits while too much is on its way', async () => {
  let pulled = 0
  const endless = (async function* () {
    for (; pulled < 10; pulled++) yield Buffer.alloc(4)
  })()
  const window = new Window(endless, 8)
  const reading = text(window, 0)
  await new Promise(resolve => setTimeout(resolve, 20))
  assert.equal(pulled, 1)
  window.acknowledge(4)
  await new Promise(resolve => setTimeout(resolve, 20))
  assert.equal(pulled, 2)
  for (let offset = 8; offset <= 40; offset += 4) {
    window.acknowledge(offset)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  assert.equal((await reading).length, 40)
})

test('a source that fails is told apart from a connection that breaks', async () => {
  const failing = (async function* () {
    yield Buffer.from('ab')
    throw new Error('the disk')
  })()
  const window = new Window(failing)
  await assert.rejects(text(window, 0), /the disk/)
  assert.equal((window.failure as Error).message, 'the disk')

  const abort = new AbortController()
  const waiting = new Window(source('abcd', 'efgh'), 4)
  const reading = (async () => {
    for await (const _chunk of waiting.from(0, abort.signal));
  })()
  setTimeout(() => abort.abort(new Error('cut')), 10)
  await assert.rejects(reading, /cut/)
  assert.equal(waiting.failure, undefined)
})
