import assert from 'node:assert/strict'
import { test } from 'node:test'
import { native, promised } from './libc.ts'

test('a thousand calls at once wait for each other', async () => {
  const getppid = native('int getppid()')
  const answers = await Promise.all(Array.from({ length: 1000 }, () => promised(getppid(), 'ask for the parent')))
  assert.ok(answers.every(answer => answer === process.ppid))
})
