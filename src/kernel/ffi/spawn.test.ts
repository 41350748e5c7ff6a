import assert from 'node:assert/strict'
import { closeSync, openSync, readSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import { hasErrno } from './errno.ts'
import { pipe, reap, spawnProcess } from './spawn.ts'

async function reaped(pid: number): Promise<number> {
  for (;;) {
    const code = reap(pid)
    if (code !== undefined) return code
    await setTimeout(1)
  }
}

function run(args: string[], env: string[] = []): { pid: number; output: () => string } {
  const [readEnd, writeEnd] = pipe()
  const nothing = openSync('/dev/null', 'r')
  const pid = spawnProcess({ file: '/bin/sh', args, env, cwd: '/usr', fds: { 0: nothing, 1: writeEnd, 7: writeEnd } })
  closeSync(writeEnd)
  closeSync(nothing)
  const output = () => {
    const buffer = Buffer.alloc(4096)
    let text = ''
    for (let n = readSync(readEnd, buffer); n > 0; n = readSync(readEnd, buffer)) text += buffer.toString('utf8', 0, n)
    closeSync(readEnd)
    return text
  }
  return { pid, output }
}

test('the child has the given descriptors, directory and environment, and nothing else', async () => {
  const { pid, output } = run(
    ['-c', 'pwd; echo $A; echo seven >&7; ls /proc/self/fd | tr "\\n" " "; exit 9'],
    ['A=b c', 'PATH=/usr/bin:/bin'],
  )
  // 2 is ls's own
  assert.equal(output(), '/usr\nb c\nseven\n0 1 2 7 ')
  assert.equal(await reaped(pid), 9)
})

test('the child ignores and blocks no signal, and leads its session', async () => {
  const { pid, output } = run(
    ['-c', 'grep -E "Sig(Blk|Ign)" /proc/self/status; cut -d" " -f6 /proc/$$/stat'],
    ['PATH=/usr/bin:/bin'],
  )
  assert.equal(output(), `SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n${pid}\n`)
  assert.equal(await reaped(pid), 0)
})

test('a killed child yields 128 + the signal', async () => {
  const { pid, output } = run(['-c', 'kill -9 $$'])
  output()
  assert.equal(await reaped(pid), 137)
})

test('a program that is not there is an error with its errno', () => {
  assert.throws(
    () => spawnProcess({ file: '/no/such/program', args: [], env: [], cwd: '/', fds: {} }),
    error => hasErrno(error, 'ENOENT') && /\/no\/such\/program/.test(String(error)),
  )
})
