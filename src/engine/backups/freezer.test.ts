import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conflict } from '#lib/errors.ts'
import { silentLogger } from '#lib/log.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import type { Context } from './context.ts'
import { Freezer, type FreezeRecord } from './freezer.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

/** One container, whose pauses take as long as the test wants. */
function host() {
  let state = 'running'
  const steps: PromiseWithResolvers<void>[] = []
  const change = async (from: string, to: string) => {
    const step = Promise.withResolvers<void>()
    steps.push(step)
    await step.promise
    if (state !== from) throw conflict(`Container web is ${state}`)
    state = to
  }
  const ctx = {
    containers: {
      get: () => ({ state: { kind: state } }),
      pause: () => change('running', 'paused'),
      unpause: () => change('paused', 'running'),
    },
    log: silentLogger,
  } as unknown as Context
  const records = new FakeStore().repository<FreezeRecord>('backup-freezes')
  return { freezer: new Freezer(ctx, records), records, steps, state: () => state }
}

describe('backups: freezer', () => {
  it('a second backup waits until the container really stands still', async () => {
    const t = host()
    const first = t.freezer.freeze('one', ['web'])
    await turn()
    let frozen = false
    const second = t.freezer.freeze('two', ['web']).then(() => (frozen = true))
    await turn()
    assert.equal(frozen, false)
    t.steps[0]!.resolve()
    await Promise.all([first, second])
    assert.equal(t.state(), 'paused')
    await t.freezer.thaw('one')
    assert.equal(t.state(), 'paused')
    const thawed = t.freezer.thaw('two')
    await turn()
    t.steps[1]!.resolve()
    await thawed
    assert.deepEqual([t.state(), t.steps.length, t.records.count()], ['running', 2, 0])
  })

  it('one that comes while the container is let go on freezes it anew', async () => {
    const t = host()
    const first = t.freezer.freeze('one', ['web'])
    await turn()
    t.steps[0]!.resolve()
    await first
    const thawed = t.freezer.thaw('one')
    await turn()
    const second = t.freezer.freeze('two', ['web'])
    await turn()
    t.steps[1]!.resolve()
    await thawed
    await turn()
    t.steps[2]!.resolve()
    await second
    assert.equal(t.state(), 'paused')
    const last = t.freezer.thaw('two')
    await turn()
    t.steps[3]!.resolve()
    await last
    assert.deepEqual([t.state(), t.records.count()], ['running', 0])
  })
})
