import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileCacheDirectory } from './compile-cache.ts'
import { daemonCommand } from './start-daemon.ts'

test("root's compiled code is where only root writes, whatever the environment of sudo says", () => {
  assert.equal(compileCacheDirectory({ HOME: '/home/u', XDG_CACHE_HOME: '/home/u/.c' }, 0), '/var/cache/berth')
  assert.equal(compileCacheDirectory({ XDG_CACHE_HOME: '/home/u/.c' }, 1000), '/home/u/.c/berth')
  assert.match(compileCacheDirectory({}, 1000), /\/\.cache\/berth$/)
  assert.equal(compileCacheDirectory({ NODE_COMPILE_CACHE: '/somewhere' }, 0), '/somewhere')
})

test('the daemon starts from compiled code', () => {
  assert.ok(daemonCommand().env['NODE_COMPILE_CACHE'])
})
