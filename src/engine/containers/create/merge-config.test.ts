import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerConfig } from '#model/config.ts'
import { containerConfig } from '../testing/harness.ts'
import { mergeConfig } from './merge-config.ts'

const image: Partial<ContainerConfig> = {
  Entrypoint: ['/entry'],
  Cmd: ['serve'],
  Env: ['PATH=/bin', 'MODE=image'],
  Labels: { a: '1', b: '2' },
  User: 'web',
  WorkingDir: '/srv',
  StopSignal: 'SIGQUIT',
  Volumes: { '/data': {} },
  Healthcheck: { Test: ['CMD', 'check'], Interval: 5e9, Retries: 2 },
}
const merge = (part: Partial<ContainerConfig>, base = image) => mergeConfig(containerConfig(part), base)

test('what the request leaves open comes from the image', () => {
  const merged = merge({})
  assert.deepEqual([merged.Entrypoint, merged.Cmd], [['/entry'], ['serve']])
  assert.deepEqual([merged.User, merged.WorkingDir, merged.StopSignal], ['web', '/srv', 'SIGQUIT'])
  assert.deepEqual(merged.Volumes, { '/data': {} })
})

test('command and entrypoint: a new entrypoint drops the command, an empty one drops the entrypoint', () => {
  const cases: [Partial<ContainerConfig>, string[] | null, string[] | null][] = [
    [{ Cmd: ['x'] }, ['/entry'], ['x']],
    [{ Entrypoint: ['/mine'] }, ['/mine'], null],
    [{ Entrypoint: ['/mine'], Cmd: ['y'] }, ['/mine'], ['y']],
    [{ Entrypoint: [''], Cmd: ['z'] }, null, ['z']],
  ]
  for (const [request, entrypoint, cmd] of cases) {
    const merged = merge(request)
    assert.deepEqual([merged.Entrypoint, merged.Cmd], [entrypoint, cmd], JSON.stringify(request))
  }
})

test('environment and labels: the request wins by key', () => {
  const merged = merge({ Env: ['MODE=mine', 'X=1', 'X=2'], Labels: { b: '3' } })
  assert.deepEqual(merged.Env, ['MODE=mine', 'X=2', 'PATH=/bin'])
  assert.deepEqual(merged.Labels, { a: '1', b: '3' })
})

test('a health check is merged field by field and gains no second CMD-SHELL', () => {
  assert.deepEqual(merge({ Healthcheck: { Interval: 1e9 } }).Healthcheck, {
    Test: ['CMD', 'check'],
    Interval: 1e9,
    Retries: 2,
  })
  assert.deepEqual(merge({ Healthcheck: { Test: ['CMD-SHELL', 'true'] } }).Healthcheck?.Test, ['CMD-SHELL', 'true'])
})

test('nothing to run is refused', () => {
  assert.throws(() => merge({}, {}), { kind: 'invalid', message: 'no command specified' })
})
