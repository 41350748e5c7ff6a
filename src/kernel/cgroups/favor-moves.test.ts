import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { mountAt } from '#kernel/runtime/mountinfo.ts'
import { favorMoves } from './favor-moves.ts'

test('an own hierarchy asks for cheap moves, once, and goes without trace', t => {
  const root = mkdtempSync(join(tmpdir(), 'berth-moves-'))
  const target = join(root, 'cgroup-moves')
  try {
    const undo = favorMoves(root)
    assert.ok(mountAt(target))
    // After a kill -9 the next daemon finds it in place.
    favorMoves(root)
    undo()
    assert.equal(mountAt(target), undefined)
  } catch (error) {
    if (!hasErrno(error, 'EINVAL', 'ENODEV')) throw error
    t.skip(`this kernel has no favordynmods: ${(error as Error).message}`)
  } finally {
    assert.equal(existsSync(target), false)
    rmSync(root, { recursive: true })
  }
})
