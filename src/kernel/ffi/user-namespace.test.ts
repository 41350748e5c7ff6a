import assert from 'node:assert/strict'
import fs from 'node:fs'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as libc from './libc.ts'
import { userNamespace } from './user-namespace.ts'

const children = () => fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()

test('a user namespace has the ids asked for, and no process stays behind', { skip: process.getuid?.() !== 0 }, () => {
  const before = children()
  const fd = userNamespace([{ from: 0, to: 100_000, length: 1000 }], [{ from: 0, to: 200_000, length: 7 }])
  try {
    assert.notEqual(fs.readlinkSync(`/proc/self/fd/${fd}`), fs.readlinkSync('/proc/self/ns/user'))
    const script = 'cat /proc/self/uid_map /proc/self/gid_map'
    const inside = spawnSync('nsenter', [`--user=/proc/${process.pid}/fd/${fd}`, 'sh', '-c', script], {
      encoding: 'utf8',
    })
    assert.deepEqual(
      inside.stdout
        .trim()
        .split('\n')
        .map(line => line.trim().split(/\s+/).map(Number)),
      [
        [0, 100_000, 1000],
        [0, 200_000, 7],
      ],
      inside.stderr,
    )
  } finally {
    libc.close(fd)
  }
  assert.equal(children(), before)
})

test('making many is quick and hurts nothing', { skip: process.getuid?.() !== 0 }, async () => {
  const range = [{ from: 0, to: 1000, length: 10 }]
  for (let i = 0; i < 200; i++) libc.close(userNamespace(range, range))
  assert.equal((await fs.promises.readFile('/proc/self/comm', 'utf8')).length > 0, true)
})

test('ranges that overlap are refused', { skip: process.getuid?.() !== 0 }, () => {
  const twice = [
    { from: 0, to: 1000, length: 10 },
    { from: 5, to: 2000, length: 10 },
  ]
  assert.throws(() => userNamespace(twice, twice), { code: 'EINVAL' })
})
