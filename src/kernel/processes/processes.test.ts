import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { isKind } from '#lib/errors.ts'
import { KernelProcesses } from './processes.ts'
import { selectPids } from './ps.ts'

const processes = new KernelProcesses()

test('a process is alive only as long as its start time is its own', async () => {
  const child = spawn('sleep', ['100'])
  await once(child, 'spawn')
  const started = processes.startTime(child.pid!)!
  assert.match(started, /^\d+$/)
  assert.equal(processes.isAlive(child.pid!, started), true)
  assert.equal(processes.isAlive(child.pid!, String(Number(started) - 1)), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(processes.isAlive(child.pid!, started), false)
  assert.equal(processes.startTime(child.pid!), undefined)
})

test('rows say what a process is', async () => {
  const child = spawn('sleep', ['123.5'])
  await once(child, 'spawn')
  try {
    const [row, ...more] = processes.rows([child.pid!, 2 ** 22 + 1])
    assert.equal(more.length, 0)
    assert.equal(row?.command, 'sleep 123.5')
    assert.equal(row.ppid, process.pid)
    assert.equal(row.uid, process.getuid!())
    assert.ok(Math.abs(row.startedAt - Date.now() / 1000) < 5)
    assert.ok(row.rssBytes > 100_000 && row.vszBytes >= row.rssBytes)
    const full = await processes.ps([child.pid!], ['-ef'])
    assert.deepEqual(full.titles, ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
    assert.equal(full.rows[0]?.[1], String(child.pid))
    assert.equal(full.rows[0]?.at(-1), 'sleep 123.5')
    assert.equal(full.rows[0]?.[6], '00:00:00')
    const own = await processes.ps([child.pid!], ['-eo', 'pid,args'])
    assert.deepEqual(own, { titles: ['PID', 'COMMAND'], rows: [[String(child.pid), 'sleep 123.5']] })
  } finally {
    child.kill('SIGKILL')
  }
})

test('output without a PID column, or arguments that ps refuses, are the user’s mistake', async () => {
  assert.throws(
    () => selectPids('USER COMMAND\nroot sh\n', [1]),
    error => isKind(error, 'invalid'),
  )
  await assert.rejects(processes.ps([1], ['--no-such-option']), error => isKind(error, 'invalid'))
})

test('threads follow their process, and the last column takes the rest of the line', () => {
  const output = 'PID LWP CMD\n  1 - init x y\n - 5 init\n 2 - other\n - 6 other\n'
  assert.deepEqual(selectPids(output, [1]).rows, [
    ['1', '-', 'init x y'],
    ['-', '5', 'init'],
  ])
})
