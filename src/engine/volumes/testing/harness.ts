import { systemClock } from '#lib/clock.ts'
import type { Clock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { FakeFiles } from '#ports/testing/fake-files.ts'
import { FakeMounts } from '#ports/testing/fake-mounts.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import type { CreateVolume } from '../service.ts'
import { Volumes } from '../volumes.ts'

export const ROOT = '/lib/volumes'

export interface Parts {
  store?: FakeStore
  files?: FakeFiles
  mounts?: FakeMounts
  clock?: Clock
}

/** Volumes on a host in memory; with the parts of another one, that host after a restart of the daemon. */
export function fakeVolumes(parts: Parts = {}) {
  const { store = new FakeStore(), files = new FakeFiles(), mounts = new FakeMounts(), clock = systemClock() } = parts
  const events: string[] = []
  let serial = 0
  const volumes = new Volumes({
    store,
    files,
    mounts,
    clock,
    log: silentLogger,
    dataRoot: '/lib',
    publish: event => events.push(`${event.Action} ${event.Actor.ID.slice(0, 8)}`.trim()),
    randomHex: digits => (++serial).toString(16).padStart(digits, '0'),
  })
  const create = (name: string, over: Partial<CreateVolume> = {}) =>
    volumes.create({ name, driver: 'local', options: {}, labels: {}, ...over })
  const stage = (name: string, over: Partial<CreateVolume & { replace: boolean }> = {}) =>
    volumes.stage({ name, driver: 'local', options: {}, labels: {}, replace: false, ...over })
  const write = (volume: string, file: string, text: string) =>
    files.writeAtomic(`${ROOT}/${volume}/_data/${file}`, text)
  const read = (volume: string, file: string) => files.read(`${ROOT}/${volume}/_data/${file}`)
  return { volumes, store, files, mounts, events, create, stage, write, read }
}

class Killed extends Error {}

/**
 * Runs `work` once for each of its calls of `Files`, `Mounts` and store writes: the daemon dies in place of that call, and
 * everything it would have done after is not done. `check` is told what is left, recovered by a new daemon.
 *
 * @returns how many moments there were
 */
export async function killAtEveryCall(
  prepare: (host: ReturnType<typeof fakeVolumes>) => Promise<void>,
  work: (host: ReturnType<typeof fakeVolumes>) => Promise<unknown>,
  check: (after: ReturnType<typeof fakeVolumes>, moment: number) => Promise<void>,
): Promise<number> {
  for (let moment = 1; ; moment++) {
    const parts = { store: new FakeStore(), files: new FakeFiles(), mounts: new FakeMounts() }
    const first = fakeVolumes(parts)
    await first.volumes.recover(new Map())
    await prepare(first)
    let calls = 0
    let dead = false
    const count = () => {
      if (!dead && ++calls === moment) dead = true
      if (dead) throw new Killed('the daemon was killed')
    }
    const doomed = fakeVolumes({
      store: dying(parts.store, count),
      files: dying(parts.files, count),
      mounts: dying(parts.mounts, count),
    })
    // A restart alone must not count as a change: those of `recover` come before.
    await work(doomed).catch((error: unknown) => {
      if (!dead) throw error
    })
    await settled()
    const after = fakeVolumes(parts)
    await after.volumes.recover(new Map())
    await check(after, moment)
    if (!dead) return moment - 1
  }
}

/** Background work of a verb ends. */
const settled = () => new Promise(resolve => setTimeout(resolve, 2))

const READING = new Set(['read', 'stat', 'list', 'usage', 'isEmptyDirectory', 'isMounted', 'below', 'get', 'count'])

function dying<T extends object>(target: T, count: () => void): T {
  return new Proxy(target, {
    get(real, key) {
      const value: unknown = Reflect.get(real, key, real)
      if (typeof value !== 'function') return value
      const method = value.bind(real) as (...args: unknown[]) => unknown
      if (key === 'repository') return (...args: unknown[]) => dying(method(...args) as object, count)
      if (READING.has(String(key))) return method
      return (...args: unknown[]) => {
        // The store throws at once, and so does a fake file system before its promise is made.
        count()
        return method(...args)
      }
    },
  })
}
