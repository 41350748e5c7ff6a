import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomName } from './names.ts'
import { parseUntil } from './prune.ts'
import { decideRestart, type Ended } from './restart-policy.ts'
import { parseSignal } from './signals.ts'
import { systemCpu } from './stats.ts'

test('signals by name, number and real-time offset', () => {
  const cases: [string, number][] = [
    ['KILL', 9],
    ['SIGTERM', 15],
    ['sigusr1', 10],
    ['9', 9],
    ['RTMIN+3', 37],
    ['SIGRTMAX-1', 63],
  ]
  for (const [text, number] of cases) assert.equal(parseSignal(text), number, text)
  for (const bad of ['', '0', '65', 'SIGNOPE', 'RTMIN+99', '-1']) {
    assert.throws(() => parseSignal(bad), { kind: 'invalid', message: `invalid signal: ${bad}` })
  }
})

test('restart decisions', () => {
  const base: Ended = {
    policy: { Name: 'always', MaximumRetryCount: 0 },
    exitCode: 1,
    ranFor: 50,
    restartCount: 0,
    backoff: 0,
    stoppedByUser: false,
  }
  const decide = (part: Partial<Ended>) => decideRestart({ ...base, ...part })
  assert.deepEqual(decide({}), { restart: true, delay: 100, backoff: 1 })
  assert.deepEqual(decide({ backoff: 3 }), { restart: true, delay: 800, backoff: 4 })
  assert.deepEqual(decide({ backoff: 50 }), { restart: true, delay: 60_000, backoff: 51 })
  assert.deepEqual(decide({ backoff: 5, ranFor: 10_000 }), { restart: true, delay: 100, backoff: 1 })
  const failing = (max: number, part: Partial<Ended>) =>
    decide({ policy: { Name: 'on-failure', MaximumRetryCount: max }, ...part }).restart
  assert.equal(failing(0, { restartCount: 99 }), true)
  assert.equal(failing(2, { restartCount: 1 }), true)
  assert.equal(failing(2, { restartCount: 2 }), false)
  assert.equal(failing(0, { exitCode: 0 }), false)
  assert.equal(decide({ stoppedByUser: true }).restart, false)
  assert.equal(decide({ policy: { Name: 'no', MaximumRetryCount: 0 } }).restart, false)
})

test('random names go on until one is free', () => {
  const taken = new Set<string>()
  for (let round = 0; round < 10; round++) {
    const name = randomName(
      candidate => !taken.has(candidate),
      () => round / 100,
    )
    assert.match(name, /^[a-z]+_[a-z]+\d*$/)
    taken.add(name)
  }
  assert.equal(taken.size, 10)
})

test('until: durations, Unix times, RFC 3339', () => {
  const now = Date.parse('2026-01-02T00:00:00Z')
  assert.equal(parseUntil('1h30m', now), now - 5_400_000)
  assert.equal(parseUntil('1700000000', now), 1_700_000_000_000)
  assert.equal(parseUntil('2026-01-01T00:00:00', now), now - 86_400_000)
  assert.throws(() => parseUntil('soon', now), /until=soon/)
})

test('the CPU time of the host is the first line of /proc/stat without the guests', () => {
  assert.equal(systemCpu('cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1'), 28 * 10_000_000)
})
