import type { Clock } from '#lib/clock.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Context } from './context.ts'
import type { Shown, Tree } from './figures.ts'
import type { ContainerSpace, SpaceReport, SpaceType, VolumeSpace } from './service.ts'

/** Milliseconds that a driver has to say what a volume takes. */
const DRIVER_PATIENCE = 450
/** Logs that are looked at between two pauses. */
const STEP = 50
/** What the parts of the report account for by themselves. */
const COUNTED = new Set(['volumes', 'snapshots', 'content'])

/** Everything at once, so that all trees share one second. */
export async function report(ctx: Context, types?: ReadonlySet<SpaceType>): Promise<SpaceReport> {
  const wants = (type: SpaceType) => types === undefined || types.has(type)
  const records = (await ctx.containers.list(new Map(), { all: true, limit: 0, size: false })).map(view => view.record)
  const volumes = wants('volume') ? ctx.volumes.list(new Map()) : []
  const roots = new Map(wants('container') ? records.flatMap(record => rootOf(ctx, record)) : [])
  const trees = new Map(volumes.flatMap(({ name }) => entry(name, ctx.volumes.tree(name))))
  const others = wants('other') ? await otherTrees(ctx) : []
  const wanted = [...roots.values(), ...trees.values(), ...others]
  const [figures, images, asked, logs] = await Promise.all([
    ctx.accounts.report(wanted),
    wants('image') ? ctx.images.diskUsage() : undefined,
    askDrivers(
      ctx,
      volumes.filter(({ name }) => !trees.has(name)).map(({ name }) => name),
    ),
    wants('container') || wants('other') ? logSizes(ctx, records) : new Map<string, number>(),
  ])
  if (types === undefined) ctx.accounts.retain(new Set(wanted.map(({ path }) => path)))
  const users = usersOf(records)
  return {
    ...(images && { images }),
    ...(wants('container') && {
      containers: records.map(record =>
        containerSpace(ctx, record, figures.get(roots.get(record.id)?.path ?? ''), logs.get(record.id) ?? 0),
      ),
    }),
    ...(wants('volume') && {
      volumes: volumes.map(volume =>
        volumeSpace(volume, figures.get(trees.get(volume.name)?.path ?? ''), asked.get(volume.name), users),
      ),
    }),
    ...(wants('other') && {
      trash: ctx.volumes.deleted(),
      other: Math.max(0, sum(others.map(({ path }) => figures.get(path)?.bytes ?? 0)) - sum(logs.values())),
    }),
  }
}

/** A container that is being removed may have lost its root. */
function rootOf(ctx: Context, record: ContainerRecord): [string, Tree][] {
  try {
    return [[record.id, ctx.images.rootfsTree(record.snapshotKey)]]
  } catch {
    return []
  }
}

const entry = (name: string, tree: Tree | undefined): [string, Tree][] => (tree ? [[name, tree]] : [])

/** Whatever else is in the data root; small, and always looked at. */
async function otherTrees(ctx: Context): Promise<Tree[]> {
  const names = await ctx.files.list(ctx.dataRoot)
  return names
    .filter(name => !COUNTED.has(name))
    .map(name => `${ctx.dataRoot}/${name}`)
    .map(path => ({ path, witness: path, inUse: true }))
}

/** A driver that does not answer must not take the others' figures away. */
async function askDrivers(ctx: Context, names: readonly string[]): Promise<Map<string, number>> {
  const sizes = await Promise.all(
    names.map(async (name): Promise<[string, number]> => {
      const end = new AbortController()
      const late = patience(ctx.clock, end.signal)
      const size = await Promise.race([ctx.volumes.usage(name).catch(() => -1), late])
      end.abort()
      return [name, size]
    }),
  )
  return new Map(sizes)
}

async function patience(clock: Clock, signal: AbortSignal): Promise<number> {
  await clock.sleep(DRIVER_PATIENCE, signal).catch(() => {})
  return -1
}

async function logSizes(ctx: Context, records: readonly ContainerRecord[]): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for (const [i, { id, logPath }] of records.entries()) {
    if (i % STEP === STEP - 1) await ctx.clock.sleep(0)
    sizes.set(id, logPath === '' ? 0 : await ctx.logs.size(logPath).catch(() => 0))
  }
  return sizes
}

function containerSpace(
  ctx: Context,
  record: ContainerRecord,
  figure: Shown | undefined,
  logSize: number,
): ContainerSpace {
  const sizeRw = figure?.bytes ?? 0
  return {
    record,
    sizeRw,
    sizeRootFs: sizeRw + imageSize(ctx, record.imageId),
    measuredAt: figure?.measuredAt ?? ctx.clock.now(),
    stale: figure?.stale ?? false,
    logSize,
  }
}

/** An image that was removed by force is 0. */
function imageSize(ctx: Context, imageId: string): number {
  try {
    return sum(ctx.images.resolve(imageId).layers.map(layer => layer.size))
  } catch {
    return 0
  }
}

function volumeSpace(
  volume: VolumeRecord,
  figure: Shown | undefined,
  asked: number | undefined,
  users: ReadonlyMap<string, number>,
): VolumeSpace {
  return {
    volume,
    size: figure?.bytes ?? asked ?? -1,
    users: users.get(volume.name) ?? 0,
    ...(figure && { measuredAt: figure.measuredAt }),
    stale: figure?.stale ?? false,
  }
}

function usersOf(records: readonly ContainerRecord[]): Map<string, number> {
  const users = new Map<string, number>()
  for (const record of records) {
    const names = new Set((record.mountPlan ?? []).flatMap(plan => (plan.type === 'volume' ? plan.source : [])))
    for (const name of names) users.set(name, (users.get(name) ?? 0) + 1)
  }
  return users
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
