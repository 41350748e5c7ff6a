import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import type { Attachment } from '#ports/runtime.ts'
import { KernelLogs } from '#kernel/logs/logs.ts'
import { exitsOf, RuntimeFixture } from './testing/harness.ts'
import { specOf } from './testing/rootfs.ts'

const fixture = new RuntimeFixture()
const { runtime } = fixture.open()
const exits = exitsOf(runtime)
const MB = 1024 * 1024

async function text(attachment: Attachment): Promise<string> {
  let all = ''
  for await (const { data } of attachment.output) all += data.toString()
  return all
}

/** Feeds `megabytes` through `cat`. `pauses` makes the reader slow. */
async function through(megabytes: number, pauses: number): Promise<{ same: boolean; length: number }> {
  const options = fixture.options(['cat'], { stdin: true, stdinOnce: true })
  await runtime.create(options)
  const { stdin, output } = await runtime.attach({ containerId: options.id })
  await runtime.start(options.id)
  const sent = createHash('sha256')
  const received = createHash('sha256')
  const writing = (async () => {
    for (let i = 0; i < megabytes; i++) {
      const block = randomBytes(MB)
      sent.update(block)
      if (!stdin.write(block)) await once(stdin, 'drain')
    }
    stdin.end()
  })()
  let length = 0
  let messages = 0
  for await (const { data } of output) {
    received.update(data)
    length += data.length
    if (messages++ % 200 === 0 && pauses > 0) await setTimeout(pauses)
  }
  await writing
  assert.equal((await exits.of(options.id)).exitCode, 0)
  await runtime.delete(options.id)
  return { same: sent.digest('hex') === received.digest('hex'), length }
}

test('100 MB on stdin come back byte for byte', async () => {
  assert.deepEqual(await through(100, 0), { same: true, length: 100 * MB })
})

test('a slow reader makes the process wait and loses nothing', async () => {
  assert.deepEqual(await through(10, 20), { same: true, length: 10 * MB })
})

test('the output of a process that ends without reading its stdin is complete', async () => {
  for (let i = 0; i < 5; i++) {
    const options = fixture.options(['head', '-c', '100000'], { stdin: true, stdinOnce: true })
    await runtime.create(options)
    const attachment = await runtime.attach({ containerId: options.id })
    await runtime.start(options.id)
    attachment.stdin.write(Buffer.alloc(3 * MB, 'x'))
    assert.equal((await text(attachment)).length, 100_000)
    await runtime.delete(options.id)
  }
})

test('stdout and stderr are told apart', async () => {
  const options = fixture.options(['sh', '-c', 'echo out; echo err >&2'])
  await runtime.create(options)
  const attachment = await runtime.attach({ containerId: options.id })
  await runtime.start(options.id)
  const got = { stdout: '', stderr: '' }
  for await (const { stream, data } of attachment.output) got[stream] += data.toString()
  assert.deepEqual(got, { stdout: 'out\n', stderr: 'err\n' })
  await runtime.delete(options.id)
})

test('stdin stays open without stdinOnce, and when only a listener leaves', async () => {
  for (const stdinOnce of [false, true]) {
    const options = fixture.options(['sh', '-c', 'read x; echo got $x'], { stdin: true, stdinOnce })
    const ref = { containerId: options.id }
    await runtime.create(options)
    const staying = await runtime.attach(ref, { stdin: false })
    const leaving = await runtime.attach(ref, { stdin: !stdinOnce })
    await runtime.start(options.id)
    leaving.close()
    await setTimeout(50)
    const later = await runtime.attach(ref)
    later.stdin.write(Buffer.from('it\n'))
    assert.equal(await text(staying), 'got it\n')
    await runtime.delete(options.id)
  }
})

test('a terminal has the size it is given, and is resized', async () => {
  const script = 'read go; stty size; trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.05; done'
  const options = fixture.options(['sh', '-c', script], { tty: true, stdin: true })
  const ref = { containerId: options.id }
  await runtime.create(options)
  const attachment = await runtime.attach(ref)
  await runtime.resize(ref, 24, 77)
  await runtime.start(options.id)
  attachment.stdin.write(Buffer.from('\n'))
  let got = ''
  for await (const { data } of attachment.output) {
    got += data.toString()
    if (got.endsWith('ready\r\n')) await runtime.resize(ref, 50, 5000)
  }
  assert.equal(got, '\r\n24 77\r\nready\r\n50 1000\r\n')
  await runtime.delete(options.id)
})

test('an exec can have a terminal of its own', async () => {
  const options = fixture.options(['sleep', '1000'])
  await runtime.create(options)
  await runtime.start(options.id)
  const consoleSize = { height: 10, width: 20 }
  const process = { ...specOf('', '', ['sh', '-c', 'read go; stty size; tty'], true).process, consoleSize }
  const execId = fixture.id()
  const { attachment } = await runtime.exec({ containerId: options.id, execId, process, stdin: true, attach: true })
  attachment!.stdin.write(Buffer.from('\n'))
  assert.equal(await text(attachment!), '\r\n10 20\r\n/dev/pts/0\r\n')
  assert.equal((await exits.of(execId)).exitCode, 0)
  await runtime.delete(options.id)
})

test('an exit is noticed in spite of a client that does not read, who loses nothing', async () => {
  const path = join(fixture.dataRoot, 'log', 'stalled.log')
  const options = fixture.options(['yes', '0123456789abcdef0123456789abcdef'], { log: { path } })
  const ref = { containerId: options.id }
  await runtime.create(options)
  const attachment = await runtime.attach(ref)
  await runtime.start(options.id)
  await setTimeout(200)
  await runtime.signal(ref, 9)
  assert.equal((await exits.of(options.id)).exitCode, 137)
  const lines = (await text(attachment)).split('\n')
  const logged = readFileSync(path, 'utf8').split('\n').length - 1
  assert.ok(lines.length > 1000)
  // A buffer's end cuts a line into two records.
  assert.ok(logged >= lines.length - 1 && lines.slice(0, -1).every(line => line.length === 32), `${logged}`)
  await runtime.delete(options.id)
})

test('a container is deleted in spite of a client that does not read', async () => {
  const options = fixture.options(['yes'])
  await runtime.create(options)
  const attachment = await runtime.attach({ containerId: options.id })
  await runtime.start(options.id)
  await setTimeout(100)
  const started = performance.now()
  await runtime.delete(options.id)
  assert.ok(performance.now() - started < 3000)
  attachment.close()
})

test('a log is rotated under the process without losing a line', async () => {
  const lines = 200_000
  const path = join(fixture.dataRoot, 'log', 'rotated.log')
  const options = fixture.options(['seq', '1', String(lines)], { log: { path } })
  await runtime.create(options)
  const logs = new KernelLogs()
  const ended = exits.of(options.id).then(() => {})
  const stop = logs.rotate(path, { maxBytes: 1_000_000, maxFiles: 50 }, () => runtime.reopenLog(options.id))
  const signal = new AbortController().signal
  let next = 1
  const reading = (async () => {
    for await (const { data } of logs.read(path, { follow: true, since: 0n, until: 0n, signal, ended })) {
      if (data.toString() === `${next}\n`) next++
      else if (!data.toString().endsWith('\n')) assert.equal(data.toString(), String(next).slice(0, data.length))
      else if (String(next).endsWith(data.toString().trim()))
        next++ // the rest of a line cut by a full buffer
      else assert.fail(`${JSON.stringify(data.toString())} where ${next} was due`)
    }
  })()
  await runtime.start(options.id)
  await reading
  stop()
  assert.equal(next, lines + 1)
  assert.ok(statSync(`${path}.1`).size > 0, 'it was rotated')
  await runtime.delete(options.id)
})
