import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Health } from '#model/container.ts'
import { Harness } from '../testing/harness.ts'
import { afterProbe, healthPlan, STARTING } from './probe-result.ts'

const plan = healthPlan({ Test: ['CMD', 'x'], Retries: 2, StartPeriod: 10e9 })!
const probe = (ExitCode: number) => ({ Start: '', End: '', ExitCode, Output: '' })

test('what probes make of the health', () => {
  const run = (codes: number[], at: number, from: Health = STARTING) =>
    codes.reduce((health, code) => afterProbe(health, probe(code), plan, at), from)
  assert.equal(run([0], 0).Status, 'healthy')
  assert.equal(run([1, 1, 1], 5000).Status, 'starting', 'the start period forgives')
  assert.equal(run([1], 20_000).Status, 'starting')
  assert.equal(run([1, 1], 20_000).Status, 'unhealthy')
  assert.equal(run([0, 1, 1], 5000).Status, 'unhealthy', 'not once it has been healthy')
  assert.deepEqual([run([0, 1], 20_000).Status, run([0, 1], 20_000).FailingStreak], ['healthy', 1])
  assert.equal(run([0, 0, 0, 0, 0, 0, 0], 0).Log.length, 5)
})

test('kinds of checks', () => {
  assert.equal(healthPlan(undefined), undefined)
  assert.equal(healthPlan({ Test: ['NONE'] }), undefined)
  assert.deepEqual(healthPlan({ Test: ['CMD-SHELL', 'a && b'] })?.command, ['/bin/sh', '-c', 'a && b'])
  assert.equal(plan.interval, 30_000)
})

test('a container turns healthy, then unhealthy when its check hangs; the events say so', async () => {
  const t = new Harness()
  await t.containers.recover()
  const Healthcheck = { Test: ['CMD', 'check'], Interval: 1e9, Timeout: 2e9, Retries: 1 }
  const id = await t.create('web', { Healthcheck })
  await t.containers.start(id)
  const health = () => {
    const { state } = t.containers.get(id)
    return state.kind === 'running' ? state.health : undefined
  }
  assert.equal(health()?.Status, 'starting')
  await t.clock.pass(1000)
  const [execId = ''] = t.runtime.containers.get(id)?.execs.keys() ?? []
  t.runtime.print({ containerId: id, execId }, 'stdout', 'all well')
  t.runtime.end({ containerId: id, execId }, 0)
  await t.clock.pass(0)
  assert.deepEqual([health()?.Status, health()?.Log[0]?.Output], ['healthy', 'all well'])
  await t.clock.pass(3000)
  assert.deepEqual([health()?.Status, health()?.Log[1]?.ExitCode], ['unhealthy', -1])
  assert.equal(t.networks.health.get(id), false)
  assert.deepEqual(
    t.actions().filter(action => action.startsWith('health')),
    ['health_status: healthy', 'health_status: unhealthy'],
  )
  await t.containers.stop(id, {})
  await t.containers.shutdown()
})
