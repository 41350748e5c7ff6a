import assert from 'node:assert/strict'
import { test } from 'node:test'
import { demandOther, destinationOf } from './destination.ts'

test('an incremental backup does not take the place of its own base', async () => {
  const check = async (output: string, base: string) => demandOther(base, await destinationOf(output))
  for (const [output, base] of [
    ['/b/a.tar', '/b/../b/a.tar'],
    ['a.tar', './a.tar'],
    ['s3://bucket/x/a.tar', 's3://bucket/x/a.tar'],
  ] as const) {
    await assert.rejects(check(output, base), /would be replaced by what goes on from it: give the backup another name/)
  }
  for (const [output, base] of [
    ['/b/a.tar', '/c/a.tar'],
    ['/b/', '/b/a.tar'],
    ['/b/a.tar', ''],
    ['-', '/b/a.tar'],
    ['s3://bucket/x/a.tar', '/x/a.tar'],
  ] as const) {
    await check(output, base)
  }
})
