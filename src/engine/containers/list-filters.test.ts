import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Harness } from './testing/harness.ts'

async function names(t: Harness, filters: Record<string, string[]>, all = true, limit = 0): Promise<string[]> {
  const views = await t.containers.list(new Map(Object.entries(filters)), { all, limit, size: false })
  return views.map(view => view.record.name)
}

async function three(): Promise<Harness> {
  const t = new Harness()
  await t.containers.recover()
  await t.create('one', { Labels: { tier: 'front' }, ExposedPorts: { '80/tcp': {} } })
  await t.clock.pass(1000)
  await t.create('two', { Labels: { tier: 'back' } }, { Binds: ['data:/data'], NetworkMode: 'app' })
  await t.clock.pass(1000)
  const id = await t.create('three')
  await t.containers.start('two')
  await t.containers.start(id)
  t.runtime.end({ containerId: id }, 3)
  await t.clock.pass(10)
  return t
}

test('filters of the list, newest first', async () => {
  const t = await three()
  const cases: [Record<string, string[]>, string[]][] = [
    [{}, ['three', 'two', 'one']],
    [{ name: ['^/t'] }, ['three', 'two']],
    [{ name: ['one', 'two'] }, ['two', 'one']],
    [{ status: ['created', 'running'] }, ['two', 'one']],
    [{ exited: ['3'] }, ['three']],
    [{ label: ['tier'] }, ['two', 'one']],
    [{ label: ['tier=back'] }, ['two']],
    [{ volume: ['data'] }, ['two']],
    [{ volume: ['/data'] }, ['two']],
    [{ network: ['app'] }, ['two']],
    [{ network: ['net-app'] }, ['two']],
    [{ expose: ['80'] }, ['one']],
    [{ expose: ['70-90/udp'] }, []],
    [{ since: ['one'] }, ['three', 'two']],
    [{ before: ['two'] }, ['one']],
    [{ ancestor: ['box'] }, ['three', 'two', 'one']],
    [{ ancestor: ['other'] }, []],
    [{ health: ['none'] }, ['three', 'two', 'one']],
    [{ 'is-task': ['true'] }, []],
    [{ id: [t.containers.get('one').id.slice(0, 6)] }, ['one']],
  ]
  for (const [filters, expected] of cases) assert.deepEqual(await names(t, filters), expected, JSON.stringify(filters))
  assert.deepEqual(await names(t, {}, false), ['two'])
  assert.deepEqual(await names(t, {}, false, 2), ['three', 'two'])
})

test('bad filters are refused in Docker words', async () => {
  const t = await three()
  await assert.rejects(names(t, { colour: ['red'] }), { kind: 'invalid', message: "invalid filter 'colour'" })
  await assert.rejects(names(t, { status: ['happy'] }), /invalid filter 'status=happy'/)
  await assert.rejects(names(t, { since: ['nobody'] }), /No such container: nobody/)
  await assert.rejects(names(t, { exited: ['x'] }), { kind: 'invalid' })
})

test('prune takes what has stopped, by age and label, and says what it freed', async () => {
  const t = await three()
  const pruned = await t.containers.prune(new Map([['label!', ['tier=front']]]))
  assert.equal(pruned.deleted.length, 1)
  assert.equal(pruned.spaceReclaimed, 7)
  assert.deepEqual(await names(t, {}), ['two', 'one'])
  assert.deepEqual((await t.containers.prune(new Map([['until', ['1h']]]))).deleted, [])
})
