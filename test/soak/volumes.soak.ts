import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '#lib/errors.ts'
import { TestDaemon } from '../support/daemon.ts'
import { SmallDisk } from '../support/small-disk.ts'

const ROUNDS = Number(process.env['KILLS'] ?? 100)
const CLIENTS = 4
const HOUR = 3_600_000

const daemon = new TestDaemon()
const { volumes } = daemon.client
const root = join(daemon.dataRoot, 'volumes')
let disk: SmallDisk

before(() => {
  disk = new SmallDisk(daemon.dataRoot, 256 << 20)
})
after(async () => {
  disk.empty()
  await daemon.stop()
  await daemon.start()
  await volumes.emptyTrash()
  await volumes.prune({ all: ['true'] })
  await daemon.stop()
  disk.dispose()
  await daemon.dispose()
})

/** Where a volume may be: under a name, in the trash, or nowhere. */
type Place = `volume ${string}` | `trash ${string}` | 'nowhere'

/** A volume of the test: what the daemon has said of it leaves one place or, while a call is under way, two. */
interface Item {
  prefix: string
  places: Set<Place>
}

const items: Item[] = []
/** Calls that were answered, refused and cut. */
const calls = { done: 0, refused: 0, cut: 0 }

/** Tells that the place changes: until the answer it may be either. What is refused has changed nothing. */
async function moves<T>(item: Item, to: Place, work: () => Promise<T>): Promise<T> {
  const from = Array.from(item.places)
  item.places.add(to)
  try {
    const result = await work()
    item.places = new Set([to])
    calls.done++
    return result
  } catch (error) {
    if (
      error instanceof BerthError &&
      error.kind !== 'unavailable' &&
      !/socket|connect|closed|reset/.test(error.message)
    )
      item.places = new Set(from)
    calls[item.places.size === from.length ? 'refused' : 'cut']++
    throw error
  }
}

async function clone(source: string, name: string): Promise<void> {
  for await (const line of await volumes.clone(source, { Name: name, Labels: { kept: 'yes' } })) {
    if (line.error !== undefined) throw new BerthError('system', line.error)
    if (line.volume) return
  }
  throw new BerthError('unavailable', 'connection closed before the clone was told to be made')
}

/** One client's life until the daemon goes away. */
async function client(prefix: string, stop: AbortSignal): Promise<void> {
  for (let serial = 0; !stop.aborted; serial++) {
    const item: Item = { prefix: `${prefix}-${serial}`, places: new Set(['nowhere']) }
    items.push(item)
    const [name, renamed] = [`${item.prefix}-a`, `${item.prefix}-b`]
    try {
      await moves(item, `volume ${name}`, () => clone('seed', name))
      await moves(item, `volume ${renamed}`, () => volumes.rename(name, renamed))
      const { CreatedAt: createdAt } = await volumes.inspect(renamed)
      const Plan = { remove: [{ name: renamed, createdAt }] }
      await moves(item, `trash ${renamed}`, () => pruned(Plan, HOUR))
      await moves(item, `volume ${renamed}`, () => volumes.restoreDeleted(renamed))
      if (serial % 2 === 0) await moves(item, 'nowhere', () => pruned(Plan, 0))
    } catch (error) {
      // A refusal (the disk is full) is fine; a cut connection ends the client.
      if (!(error instanceof BerthError) || error.kind === 'unavailable') throw error
    }
  }
}

async function pruned(Plan: { remove: { name: string; createdAt: string }[] }, Keep: number): Promise<void> {
  const { Kept } = await volumes.applyPrune({ Plan, Keep })
  if (Kept.length > 0) throw new BerthError('conflict', Kept[0]!.reason)
}

/** Every path with mode and content. */
function digestOf(directory: string): string {
  const hash = createHash('sha256')
  const walk = (path: string) => {
    for (const name of readdirSync(path).sort()) {
      const inner = join(path, name)
      const { mode } = lstatSync(inner)
      hash.update(`${inner.slice(directory.length)} ${mode.toString(8)}\n`)
      if (lstatSync(inner).isDirectory()) walk(inner)
      else hash.update(readFileSync(inner))
    }
  }
  walk(directory)
  return hash.digest('hex')
}

/** What the API says is on the disk, whole, and nothing else is. */
async function checkAll(seed: string): Promise<string[]> {
  const wrong: string[] = []
  const listed = (await volumes.list()).Volumes
  const trash = await volumes.deleted()
  for (const item of items) {
    const places: Place[] = [
      ...listed.filter(one => one.Name.startsWith(`${item.prefix}-`)).map(one => `volume ${one.Name}` as const),
      ...trash
        .filter(one => one.volume.name.startsWith(`${item.prefix}-`))
        .map(one => `trash ${one.volume.name}` as const),
    ]
    const [place = 'nowhere'] = places
    if (places.length > 1 || !item.places.has(place))
      wrong.push(
        `${item.prefix}: is at ${places.join(', ') || 'no place'}, may be at ${Array.from(item.places).join(', ')}`,
      )
    item.places = new Set([place])
  }
  for (const { Name, Labels, Mountpoint } of listed) {
    if (digestOf(Mountpoint) !== seed) wrong.push(`volume ${Name} is damaged`)
    if (Name !== 'seed' && Labels?.['kept'] !== 'yes') wrong.push(`volume ${Name} has lost its labels`)
  }
  for (const { id, directory } of trash) {
    if (digestOf(join(directory, '_data')) !== seed) wrong.push(`deleted volume ${id} is damaged`)
  }
  const expected = [
    ...listed.map(one => one.Name),
    ...trash.map(one => one.directory.slice(root.length + 1)),
  ].toSorted()
  const found = readdirSync(root).toSorted()
  for (const name of found) if (!expected.includes(name)) wrong.push(`left over: ${name}`)
  for (const name of expected) if (!found.includes(name)) wrong.push(`missing: ${name}`)
  return wrong
}

test(`kill -9 at ${ROUNDS} random moments of clone, rename, prune and restore, every third on a full disk`, async t => {
  await daemon.start()
  const { Mountpoint } = await volumes.create({ Name: 'seed' })
  mkdirSync(join(Mountpoint, 'sub'))
  for (let i = 0; i < 200; i++) writeFileSync(join(Mountpoint, 'sub', `f${i}`), `${i} `.repeat(600))
  writeFileSync(join(Mountpoint, 'big'), Buffer.alloc(2 << 20, 'berth'))
  const seed = digestOf(Mountpoint)
  const base = disk.free
  let refused = 0
  for (let round = 0; round < ROUNDS; round++) {
    const full = round % 3 === 2
    if (full) disk.fill(Math.floor(Math.random() * (6 << 20)))
    const stop = new AbortController()
    const clients = Array.from({ length: CLIENTS }, (_, i) => client(`r${round}-${i}`, stop.signal).catch(() => {}))
    await sleep(Math.random() * 2500)
    await daemon.stop('SIGKILL')
    stop.abort()
    await Promise.all(clients)
    try {
      await daemon.start()
    } catch (error) {
      // No room for its own records: then it says so.
      assert.match(String(error), /no space left on device/)
      refused++
      disk.empty()
      await daemon.start()
    }
    const wrong = await checkAll(seed)
    assert.deepEqual(wrong, [], `round ${round}${full ? ', full disk' : ''}`)
    disk.empty()
    // Room for the next rounds.
    await volumes.emptyTrash()
    for (const { Name } of (await volumes.list()).Volumes) if (Name !== 'seed') await volumes.remove(Name)
    items.length = 0
  }
  await daemon.stop()
  await daemon.start()
  assert.deepEqual(await checkAll(seed), [])
  const lost = base - disk.free
  t.diagnostic(
    `${JSON.stringify(calls)} calls; ${ROUNDS} kills; ${refused} starts waited for room; ${lost} bytes more in use than before`,
  )
  assert.ok(lost < 8 << 20, `${lost} bytes were not given back`)
})
