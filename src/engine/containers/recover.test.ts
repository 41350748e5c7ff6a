import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Harness } from './testing/harness.ts'

async function crashed(prepare: (t: Harness) => Promise<void>): Promise<Harness> {
  const t = new Harness()
  await t.containers.recover()
  await prepare(t)
  await t.containers.shutdown()
  return t
}

test('a container that lives is taken over: stop and exit work', async () => {
  const t = await crashed(async t => t.containers.start(await t.create('web')))
  await t.restart().recover()
  assert.equal(t.containers.get('web').state.kind, 'running')
  assert.deepEqual(t.networks.recovered.slice(-2), [['web'], []])
  await t.containers.stop('web', {})
  assert.equal(t.containers.get('web').state.kind, 'exited')
})

test('one that ended meanwhile has its exit code, and its policy is honoured', async () => {
  let ids: string[] = []
  const t = await crashed(async t => {
    const always = { RestartPolicy: { Name: 'always' as const, MaximumRetryCount: 0 } }
    ids = [
      await t.create('plain'),
      await t.create('always', {}, always),
      await t.create('once', {}, { AutoRemove: true }),
    ]
    for (const id of ids) await t.containers.start(id)
  })
  for (const id of ids) t.runtime.end({ containerId: id }, 4)
  await t.restart().recover()
  await t.clock.pass(200)
  const { state } = t.containers.get('plain')
  assert.equal(state.kind === 'exited' && state.last.code, 4)
  assert.equal(t.containers.get('always').state.kind, 'running')
  assert.throws(() => t.containers.get('once'), /No such container/)
})

test('after a reboot `unless-stopped` remembers the user; half-done starts and removals are settled', async () => {
  const policy = { RestartPolicy: { Name: 'unless-stopped' as const, MaximumRetryCount: 0 } }
  const t = await crashed(async t => {
    await t.containers.start(await t.create('up', {}, policy))
    await t.containers.start(await t.create('down', {}, policy))
    await t.containers.stop('down', {})
    await t.create('half')
    await t.create('going')
    await t.create('once', {}, { AutoRemove: true })
  })
  const records = t.store.repository<{ state: unknown }>('containers')
  const set = (name: string, state: unknown) => {
    const { id } = t.containers.get(name)
    records.put(id, { ...records.get(id), state })
  }
  set('half', { kind: 'starting', since: '2026-01-01T00:00:00Z' })
  set('once', { kind: 'starting', since: '2026-01-01T00:00:00Z' })
  set('going', { kind: 'removing' })
  t.runtime.containers.clear()
  await t.restart().recover()
  await t.clock.pass(200)
  assert.equal(t.containers.get('up').state.kind, 'running')
  assert.equal(t.containers.get('down').state.kind, 'exited')
  assert.equal(t.containers.get('half').state.kind, 'created')
  for (const gone of ['going', 'once']) assert.throws(() => t.containers.get(gone), /No such container/)
})

test('one that shares the network of another comes up after it, whatever the order', async () => {
  const policy = { RestartPolicy: { Name: 'always' as const, MaximumRetryCount: 0 } }
  const t = await crashed(async t => {
    const first = await t.create('aaa', {}, policy)
    await t.containers.start(first)
    await t.containers.start(await t.create('bbb', {}, { ...policy, NetworkMode: 'container:aaa' }))
    // The sharer's restart comes first: its time is over while the other still waits for its own.
    const { id } = t.containers.get('aaa')
    const records = t.store.repository<{ state: unknown }>('containers')
    const last = { code: 1, finishedAt: '', oomKilled: false, error: '' }
    const state = { kind: 'restarting', last, startedAt: '', nextAt: t.clock.now() + 400 }
    records.put(id, { ...records.get(id), state })
  })
  t.runtime.containers.clear()
  await t.restart().recover()
  await t.clock.pass(150)
  assert.equal(t.containers.get('bbb').state.kind, 'restarting')
  await t.clock.pass(1000)
  assert.deepEqual([t.containers.get('aaa').state.kind, t.containers.get('bbb').state.kind], ['running', 'running'])
})
