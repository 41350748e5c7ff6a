import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRecord, readRecords, TailScanner, timeKey, type LogRecord } from './k8s-log.ts'

const T = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.123456789+00:00`

function read(buffer: Buffer, window = { since: '', until: '' }) {
  const records: LogRecord[] = []
  const next = readRecords(buffer, 0, window, record => void records.push(record))
  return { records: records.map(r => [r.time.slice(17), r.stream, r.data.toString()]), next }
}

test('lines and pieces yield exactly what the process wrote', () => {
  const log = Buffer.concat([
    formatRecord(T(1), 'stdout', 'F', 'hello'),
    formatRecord(T(2), 'stderr', 'P', 'half'),
    formatRecord(T(3), 'stderr', 'F', ' line'),
    formatRecord(T(4), 'stdout', 'F', ''),
    Buffer.from(`${T(5)} stdout F tor`),
  ])
  const { records, next } = read(log)
  assert.deepEqual(records, [
    ['01.123456789Z', 'stdout', 'hello\n'],
    ['02.123456789Z', 'stderr', 'half'],
    ['03.123456789Z', 'stderr', ' line\n'],
    ['04.123456789Z', 'stdout', '\n'],
  ])
  assert.equal(log.toString('utf8', next), `${T(5)} stdout F tor`)
})

test('a window keeps what lies in it and stops after it', () => {
  const log = Buffer.concat([1, 2, 3, 4].map(n => formatRecord(T(n), 'stdout', 'F', String(n))))
  const at = (n: number) => timeKey(BigInt(Date.parse(`2026-01-02T03:04:0${n}.123Z`)) * 1_000_000n + 456_789n)
  assert.deepEqual(
    read(log, { since: at(2), until: at(3) }).records.map(r => r[2]),
    ['2\n', '3\n'],
  )
  assert.equal(read(log, { since: '', until: at(3) }).next, -1)
})

test('other zones are turned to UTC, and damaged lines keep their text', () => {
  const log = Buffer.from('2026-01-02T05:04:01.5+02:00 stderr F x\nnot a record\n')
  assert.deepEqual(read(log).records, [
    ['01.500000000Z', 'stderr', 'x\n'],
    ['00.000000000Z', 'stdout', 'not a record\n'],
  ])
})

test('a time that no log can have is an open end', () => {
  assert.equal(timeKey(0n), '')
  assert.equal(timeKey(1n << 80n), '')
  assert.equal(timeKey(1_700_000_000_000_000_001n), '2023-11-14T22:13:20.000000001')
})

function tail(log: Buffer, lines: number, block: number): string {
  const scanner = new TailScanner(lines)
  for (let end = log.length; end > 0; end = Math.max(0, end - block)) {
    const start = Math.max(0, end - block)
    const found = scanner.feed(log.subarray(start, end), start)
    if (found !== undefined) return log.toString('utf8', found)
  }
  return log.toString()
}

test('the tail is found whatever the size of the blocks', () => {
  const records = [
    formatRecord(T(1), 'stdout', 'F', 'one'),
    formatRecord(T(2), 'stdout', 'P', 'tw'),
    formatRecord(T(3), 'stdout', 'F', 'o'),
    formatRecord(T(4), 'stdout', 'F', ''),
    formatRecord(T(5), 'stdout', 'F', 'four'),
  ]
  const log = Buffer.concat(records)
  const from = (n: number) => Buffer.concat(records.slice(n)).toString()
  for (const block of [1, 2, 7, 45, 46, 47, 64, 1000]) {
    assert.equal(tail(log, 1, block), from(4), `1 line, blocks of ${block}`)
    assert.equal(tail(log, 2, block), from(3))
    assert.equal(tail(log, 3, block), from(1), 'the pieces of a line stay together')
    assert.equal(tail(log, 4, block), from(0))
    assert.equal(tail(log, 9, block), from(0))
    assert.equal(tail(Buffer.concat([log, Buffer.from(`${T(6)} stdout`)]), 1, block), from(4) + `${T(6)} stdout`)
  }
  const open = Buffer.concat([log, formatRecord(T(6), 'stdout', 'P', 'fi'), formatRecord(T(6), 'stdout', 'P', 've')])
  assert.equal(tail(open, 1, 10), open.toString('utf8', log.length), 'a line without its end counts')
})
