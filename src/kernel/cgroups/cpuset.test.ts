import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { test } from 'node:test'
import { prepareCpuset } from './cpuset.ts'

const ROOT = '/sys/fs/cgroup/cpuset'
const skip = process.getuid?.() !== 0 || !existsSync(`${ROOT}/cpuset.cpus`)

test('the parents of a cgroup get their CPUs and nodes, those that were made empty too', { skip }, () => {
  const top = `${ROOT}/berth-cpuset-${process.pid}`
  const read = (path: string) => readFileSync(path, 'latin1').trim()
  mkdirSync(top)
  try {
    assert.equal(read(`${top}/cpuset.cpus`), '')
    prepareCpuset({ cpuset: `${top}/inner/id` })
    for (const directory of [top, `${top}/inner`]) {
      assert.equal(read(`${directory}/cpuset.cpus`), read(`${ROOT}/cpuset.cpus`))
      assert.equal(read(`${directory}/cpuset.mems`), read(`${ROOT}/cpuset.mems`))
    }
    assert.ok(!existsSync(`${top}/inner/id`), 'the cgroup itself is left to the runtime')
  } finally {
    if (existsSync(`${top}/inner`)) rmdirSync(`${top}/inner`)
    rmdirSync(top)
  }
})
