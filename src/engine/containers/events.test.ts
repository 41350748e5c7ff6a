import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Events } from './events.ts'
import { ManualClock } from './testing/manual-clock.ts'

const publish = (events: Events, Type: 'container' | 'image' | 'network', Action: string, ID: string, more = {}) =>
  events.publish({ Type, Action, Actor: { ID, Attributes: { name: `${ID}-name`, ...more } } })

async function past(events: Events, filters: Record<string, string[]>): Promise<string[]> {
  const seen: string[] = []
  const stream = events.stream(new Map(Object.entries(filters)), {
    since: 0n,
    until: 1n << 62n,
    signal: AbortSignal.timeout(20),
  })
  for await (const event of stream) seen.push(`${event.Type} ${event.Action}`)
  return seen
}

test('past events by filter: values are alternatives, keys add up', async () => {
  const events = new Events(new ManualClock())
  publish(events, 'container', 'exec_create: ls -l', 'c1', { image: 'box:latest', tier: 'front' })
  publish(events, 'container', 'die', 'c2', { image: 'other' })
  publish(events, 'network', 'connect', 'n1')
  assert.deepEqual(await past(events, {}), ['container exec_create: ls -l', 'container die', 'network connect'])
  assert.deepEqual(await past(events, { event: ['exec_create', 'connect'] }), [
    'container exec_create: ls -l',
    'network connect',
  ])
  assert.deepEqual(await past(events, { container: ['c2-name'], event: ['die'] }), ['container die'])
  assert.deepEqual(await past(events, { image: ['box'] }), ['container exec_create: ls -l'])
  assert.deepEqual(await past(events, { label: ['tier=front'] }), ['container exec_create: ls -l'])
  assert.deepEqual(await past(events, { type: ['network'] }), ['network connect'])
  assert.throws(() => events.stream(new Map([['x', ['y']]]), { signal: AbortSignal.timeout(1) }), /invalid filter 'x'/)
})

test('live events come in order until the time is over, and the listener goes', async () => {
  const clock = new ManualClock()
  const events = new Events(clock)
  publish(events, 'container', 'before', 'c')
  const until = BigInt(clock.now() + 1000) * 1_000_000n
  const stream = events.stream(new Map(), { until, signal: new AbortController().signal })
  assert.equal(events.listeners, 1)
  const reading = (async () => {
    const seen: string[] = []
    for await (const event of stream) seen.push(event.Action)
    return seen
  })()
  publish(events, 'container', 'one', 'c')
  await clock.pass(500)
  publish(events, 'container', 'two', 'c')
  await clock.pass(600)
  publish(events, 'container', 'late', 'c')
  assert.deepEqual(await reading, ['one', 'two'])
  assert.equal(events.listeners, 0)
})
