import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BerthError } from '#lib/errors.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Harness } from './testing/harness.ts'
import { settle } from './testing/manual-clock.ts'

const NEVER = new AbortController().signal

async function running(t: Harness, ...rest: Parameters<Harness['create']>): Promise<string> {
  const id = await t.create(...rest)
  await t.containers.start(id)
  return id
}

async function harness(...rest: ConstructorParameters<typeof Harness>): Promise<Harness> {
  const t = new Harness(...rest)
  await t.containers.recover()
  return t
}

test('create, start, exit, remove: states, events and nothing left', async () => {
  const t = await harness()
  const id = await t.create('web', { Cmd: ['echo', 'hi'] })
  assert.equal(t.containers.get('web').state.kind, 'created')
  await t.containers.start('web')
  const record = t.containers.get(id.slice(0, 12))
  assert.equal(record.state.kind, 'running')
  assert.equal(record.endpoints['bridge']?.ipv4, '10.0.0.2')
  assert.deepEqual(t.runtime.containers.get(id)?.options.spec.process.args, ['echo', 'hi'])
  const { result } = await t.containers.wait(id, 'not-running', NEVER)
  t.runtime.end({ containerId: id }, 3)
  assert.deepEqual(await result, { exitCode: 3 })
  await settle()
  assert.equal(t.containers.get(id).state.kind, 'exited')
  assert.equal(t.containers.get(id).endpoints['bridge']?.ipv4, '')
  assert.equal(t.images.mounted.size + t.networks.open.size + t.runtime.containers.size, 0)
  await t.containers.remove(id, { force: false, volumes: false, link: false })
  assert.throws(() => t.containers.get(id), /No such container/)
  assert.equal(t.images.roots.size + t.networks.planned.size, 0)
  assert.equal(await t.files.stat(`/data/containers/${id}`), undefined)
  assert.deepEqual(t.actions(), ['create', 'start', 'die', 'destroy'])
})

test('an exit that comes before start has returned is not lost', async () => {
  const t = await harness()
  const id = await t.create()
  const start = t.runtime.start.bind(t.runtime)
  t.runtime.start = async containerId => {
    await start(containerId)
    t.runtime.end({ containerId }, 0)
  }
  const { result } = await t.containers.wait(id, 'next-exit', NEVER)
  await t.containers.start(id)
  assert.deepEqual(await result, { exitCode: 0 })
})

test('AutoRemove: `removed` resolves with the exit code, the name is free, also for one who asks after', async () => {
  const t = await harness()
  const id = await running(t, 'once', {}, { AutoRemove: true })
  const { result } = await t.containers.wait(id, 'removed', NEVER)
  t.runtime.end({ containerId: id }, 5)
  assert.deepEqual(await result, { exitCode: 5 })
  assert.equal(t.networks.open.size, 0)
  await t.create('once')
  const late = await t.containers.wait(id, 'removed', NEVER)
  assert.deepEqual(await late.result, { exitCode: 5 })
  assert.deepEqual(t.actions().slice(0, 4), ['create', 'start', 'die', 'destroy'])
  await t.containers.shutdown()
  assert.equal(t.images.roots.size, 1)
})

test('a command that is not there: 127 in the state, Docker words to the client, everything undone', async () => {
  const t = await harness()
  const id = await t.create('bad', { Cmd: ['nope'] })
  const words =
    'OCI runtime create failed: unable to start container process: exec: "nope": executable file not found in $PATH'
  t.runtime.failNext('create', new BerthError('invalid', words, { details: { reason: 'command-not-found' } }))
  await assert.rejects(t.containers.start(id), {
    kind: 'invalid',
    message:
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown',
  })
  const { state } = t.containers.get(id)
  assert.equal(state.kind === 'created' && state.exitCode, 127)
  assert.equal(t.images.mounted.size + t.networks.open.size, 0)
  assert.deepEqual(t.actions(), ['create'])
})

test('a failed network undoes root and volumes; the container can be started after', async () => {
  const t = await harness()
  const id = await t.create('web', {}, { Binds: ['data:/data', '/srv/made:/made'] })
  t.networks.failNextOpen = new BerthError('system', 'port is already allocated')
  await assert.rejects(t.containers.start(id), /port is already allocated/)
  assert.equal(t.images.mounted.size, 0)
  assert.equal(t.volumes.users.get('data')?.size, 0)
  assert.equal(await t.files.stat('/srv/made'), undefined, 'a bind source that we made is removed')
  await t.containers.start(id)
  assert.equal((await t.files.stat('/srv/made'))?.kind, 'directory')
})

test('create that fails half way leaves nothing: name, volumes, root, reservations', async () => {
  const t = await harness()
  t.store.failNextWrite(new Error('disk full'))
  await assert.rejects(t.create('web', {}, { Binds: ['fresh:/data'] }), /disk full/)
  assert.equal(t.volumes.volumes.size + t.images.roots.size + t.networks.planned.size, 0)
  await t.create('web')
})

test('start twice is not-modified, a taken name is a conflict in Docker words', async () => {
  const t = await harness()
  const id = await running(t)
  await assert.rejects(t.containers.start(id), { kind: 'not-modified' })
  await assert.rejects(t.create('web'), {
    kind: 'conflict',
    message: `Conflict. The container name "/web" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  })
  await assert.rejects(t.create('-x'), /Invalid container name \(-x\), only/)
})

test('stop: the signal, then SIGKILL after the timeout; concurrent stops both end; stop comes after die', async () => {
  const t = await harness()
  const id = await running(t, 'web', { StopSignal: 'SIGINT' })
  t.runtime.ignore({ containerId: id }, 2)
  const stops = Promise.all([t.containers.stop(id, { timeout: 3 }), t.containers.stop(id, { timeout: 3 })])
  await t.clock.pass(2900)
  assert.equal(t.containers.get(id).state.kind, 'running')
  await t.clock.pass(200)
  await stops
  const { state } = t.containers.get(id)
  assert.equal(state.kind === 'exited' && state.last.code, 137)
  assert.ok(t.actions().indexOf('die') < t.actions().indexOf('stop'))
  await assert.rejects(t.containers.stop(id, {}), { kind: 'not-modified' })
})

test('kill: bad signals, states, and SIGKILL waits for the end', async () => {
  const t = await harness()
  const id = await running(t)
  await assert.rejects(t.containers.kill(id, 'NOPE'), { kind: 'invalid', message: 'invalid signal: NOPE' })
  await t.containers.kill(id, '')
  assert.equal(t.containers.get(id).state.kind, 'exited')
  await assert.rejects(t.containers.kill(id, 'TERM'), { kind: 'conflict' })
})

test('a paused container refuses exec and remove, stops by thawing', async () => {
  const t = await harness()
  const id = await running(t)
  await t.containers.pause(id)
  await assert.rejects(t.containers.start(id), { kind: 'conflict' })
  await assert.rejects(t.containers.remove(id, { force: false, volumes: false, link: false }), /is paused/)
  await t.containers.stop(id, {})
  assert.equal(t.containers.get(id).state.kind, 'exited')
})

test('remove: a running one is refused in Docker words, force kills it; -v takes only anonymous volumes', async () => {
  const t = await harness()
  const id = await running(t, 'web', { Volumes: { '/cache': {} } }, { Binds: ['kept:/kept'] })
  await assert.rejects(t.containers.remove(id, { force: false, volumes: false, link: false }), {
    message: 'cannot remove container "/web": container is running: stop the container before removing or force remove',
  })
  assert.equal(t.volumes.volumes.size, 2)
  await t.containers.remove(id, { force: true, volumes: true, link: false })
  assert.deepEqual([...t.volumes.volumes.keys()], ['kept'])
  assert.equal(t.runtime.containers.size, 0)
})

test('restart policy: delays double, a user stop ends it', async () => {
  const t = await harness()
  const id = await running(t, 'web', {}, { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } })
  const starts = () => t.runtime.calls.filter(call => call === `start ${id}`).length
  t.runtime.end({ containerId: id }, 1)
  await t.clock.pass(99)
  assert.equal(t.containers.get(id).state.kind, 'restarting')
  await t.clock.pass(1)
  assert.equal(starts(), 2)
  t.runtime.end({ containerId: id }, 1)
  await t.clock.pass(199)
  assert.equal(starts(), 2)
  await t.clock.pass(1)
  assert.equal(starts(), 3)
  assert.equal(t.containers.get(id).restartCount, 2)
  t.runtime.end({ containerId: id }, 1)
  await settle()
  await t.containers.stop(id, {})
  await t.clock.pass(60_000)
  assert.equal(starts(), 3)
  assert.equal(t.containers.get(id).state.kind, 'exited')
})

test('attach before the start: what the process prints first is not lost, stdin reaches it', async () => {
  const t = await harness()
  const id = await t.create('web', { OpenStdin: true })
  const attachment = await t.containers.attach(id, { signal: NEVER })
  ;(attachment.stdin as NodeJS.WritableStream).write('early ')
  await t.containers.start(id)
  t.runtime.print({ containerId: id }, 'stdout', 'first')
  t.runtime.end({ containerId: id }, 0)
  const pieces: string[] = []
  for await (const { stream, data } of attachment.output) pieces.push(`${stream}:${data.toString()}`)
  assert.deepEqual(pieces, ['stdout:first'])
})

test('attach to one that fails to start ends', async () => {
  const t = await harness()
  const id = await t.create()
  const attachment = await t.containers.attach(id, { signal: NEVER })
  t.runtime.failNext('start', new Error('no'))
  await assert.rejects(t.containers.start(id))
  for await (const message of attachment.output) assert.fail(`unexpected ${message.stream}`)
})

test('rename frees the old name; restart keeps an AutoRemove container', async () => {
  const t = await harness()
  const id = await running(t, 'old', {}, { AutoRemove: true })
  await t.containers.rename(id, 'new')
  await t.create('old')
  await t.containers.restart('new', {})
  assert.equal(t.containers.get('new').state.kind, 'running')
  assert.deepEqual(t.actions().slice(-4), ['die', 'stop', 'start', 'restart'])
})

test('a forced removal beside a start: what was started meanwhile is killed too, and nothing is left', async () => {
  const t = await harness()
  const id = await running(t)
  const clean = t.runtime.delete.bind(t.runtime)
  let started: Promise<void> | undefined
  t.runtime.delete = containerId => {
    // Waits for the lock before the removal does.
    started ??= t.containers.start(containerId)
    return clean(containerId)
  }
  await t.containers.remove(id, { force: true, volumes: true, link: false })
  await started
  await settle()
  assert.throws(() => t.containers.get(id), /No such container/)
  assert.equal(t.images.mounted.size + t.networks.open.size + t.runtime.containers.size, 0)
  assert.deepEqual(t.actions(), ['create', 'start', 'kill', 'die', 'start', 'kill', 'die', 'destroy'])
})

test('an exit that cannot be recorded, as on a full disk, is recorded when it can be', async () => {
  const store = new FakeStore()
  const repository = store.repository.bind(store)
  let full = false
  store.repository = <T>(name: string) => {
    const rows = repository<T>(name)
    const put = rows.put.bind(rows)
    rows.put = (key, value) => {
      if (full) throw new BerthError('system', 'no space left on device')
      put(key, value)
    }
    return rows
  }
  const t = await harness({ store })
  const id = await running(t)
  full = true
  await assert.rejects(t.containers.pause(id), /no space left/)
  assert.equal(t.runtime.containers.get(id)?.paused, false)
  t.runtime.end({ containerId: id }, 7)
  await settle()
  assert.equal(t.containers.get(id).state.kind, 'running')
  full = false
  await t.clock.pass(1000)
  await settle()
  const { state } = t.containers.get(id)
  assert.equal(state.kind === 'exited' && state.last.code, 7)
})
