import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import type { ReadLogOptions } from '#ports/logs.ts'
import { KernelLogs } from './logs.ts'
import { rotateOnce } from './rotate.ts'

const logs = new KernelLogs()

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'berth-logs-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

/** Writes as conmon does: appends to its file, and makes a new one beside and over the path when told to reopen. */
class Writer {
  readonly path: string
  #fd: number
  #count = 0

  constructor(path: string) {
    this.path = path
    this.#fd = openSync(path, 'a')
  }

  lines(count: number): void {
    let text = ''
    for (let i = 0; i < count; i++) {
      const n = this.#count++
      const nanos = String(n).padStart(9, '0')
      text += `2026-01-02T03:04:05.${nanos}+00:00 ${n % 3 === 0 ? 'stderr' : 'stdout'} F line ${n}\n`
    }
    writeSync(this.#fd, text)
  }

  raw(text: string): void {
    writeSync(this.#fd, text)
  }

  readonly reopen = async (): Promise<void> => {
    await setTimeout(3)
    const fd = openSync(`${this.path}.tmp`, 'w')
    renameSync(`${this.path}.tmp`, this.path)
    closeSync(this.#fd)
    this.#fd = fd
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function options(more: Partial<ReadLogOptions> = {}): ReadLogOptions {
  const never = new AbortController().signal
  return { follow: false, since: 0n, until: 0n, signal: never, ended: new Promise(() => {}), ...more }
}

async function texts(path: string, more: Partial<ReadLogOptions> = {}): Promise<string[]> {
  const all: string[] = []
  for await (const line of logs.read(path, options(more))) all.push(line.data.toString())
  return all
}

test('reads rotated files in order, and the tail across them', async t => {
  const path = join(directory(t), 'log')
  const writer = new Writer(path)
  for (let i = 0; i < 3; i++) {
    writer.lines(10)
    await rotateOnce(path, 10, writer.reopen)
  }
  writer.lines(5)
  writer.close()
  const expected = Array.from({ length: 35 }, (_, n) => `line ${n}\n`)
  assert.deepEqual(await texts(path), expected)
  for (const tail of [0, 1, 5, 6, 15, 34, 35, 36]) {
    assert.deepEqual(await texts(path, { tail }), expected.slice(Math.max(0, 35 - tail)), `tail ${tail}`)
  }
  const base = BigInt(Date.parse('2026-01-02T03:04:05Z')) * 1_000_000n
  assert.deepEqual(await texts(path, { since: base + 12n, until: base + 21n }), expected.slice(12, 22))
  assert.deepEqual(await texts(path, { tail: 4, until: base + 32n }), expected.slice(31, 33))
})

test('a log that is not there is empty', async t => {
  assert.deepEqual(await texts(join(directory(t), 'none')), [])
})

test('no more files than the limit are kept', async t => {
  const path = join(directory(t), 'log')
  const writer = new Writer(path)
  for (let i = 0; i < 6; i++) {
    writer.lines(1)
    await rotateOnce(path, 3, writer.reopen)
  }
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['log', 'log.1', 'log.2'])
  assert.deepEqual(await texts(path), ['line 4\n', 'line 5\n'])
  writer.lines(1)
  await rotateOnce(path, 1, writer.reopen)
  assert.equal(existsSync(`${path}.1`), false)
  assert.ok((await logs.size(path)) >= 0)
  await logs.remove(path)
  assert.deepEqual(readdirSync(join(path, '..')), [])
  writer.close()
})

test('following yields new lines at once, pieces whole, and ends with the container', async t => {
  const path = join(directory(t), 'log')
  const writer = new Writer(path)
  writer.lines(2)
  const end = Promise.withResolvers<void>()
  const got: string[] = []
  const seen = Promise.withResolvers<number>()
  const reading = (async () => {
    for await (const line of logs.read(path, options({ follow: true, tail: 1, ended: end.promise }))) {
      got.push(line.data.toString())
      if (got.length === 2) seen.resolve(performance.now())
    }
  })()
  await setTimeout(50)
  assert.deepEqual(got, ['line 1\n'])
  const written = performance.now()
  writer.lines(1)
  const delay = (await seen.promise) - written
  assert.ok(delay < 150, `a new line came after ${delay} ms, so by the fallback and not by inotify`)
  writer.raw('2026-01-02T03:04:05.999999999+00:00 stdout P to')
  await setTimeout(20)
  writer.raw('rn\n')
  end.resolve()
  await reading
  assert.deepEqual(got, ['line 1\n', 'line 2\n', 'torn'])
  writer.close()
})

test('an aborted reader ends', async t => {
  const path = join(directory(t), 'log')
  writeFileSync(path, '')
  const abort = new AbortController()
  void setTimeout(20).then(() => abort.abort())
  assert.deepEqual(await texts(path, { follow: true, signal: abort.signal }), [])
})

test('a million lines under rotation: a reader that follows loses and repeats none', async t => {
  const total = 1_000_000
  const path = join(directory(t), 'log')
  const writer = new Writer(path)
  const stop = logs.rotate(path, { maxBytes: 4_000_000, maxFiles: 3 }, writer.reopen)
  const end = Promise.withResolvers<void>()
  let next = 0
  let wrong = 0
  let largest = 0
  const reading = (async () => {
    for await (const line of logs.read(path, options({ follow: true, ended: end.promise }))) {
      if (line.data.toString() !== `line ${next}\n`) wrong++
      next++
    }
  })()
  for (let written = 0; written < total; written += 2000) {
    writer.lines(2000)
    await setImmediate()
    if (written % 50_000 === 0) {
      await setTimeout(5)
      largest = Math.max(largest, await logs.size(path))
    }
  }
  end.resolve()
  await reading
  stop()
  writer.close()
  assert.equal(next, total)
  assert.equal(wrong, 0)
  assert.ok(existsSync(`${path}.1`), 'it was rotated')
  assert.ok(largest < 40_000_000, `the files grew to ${largest} bytes`)
})
