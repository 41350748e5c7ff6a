import type { Filters } from '#model/filters.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { PrunePlan } from '#model/volume.ts'
import type { Context } from './context.ts'
import type { PrunePreview, PruneRequest } from './service.ts'

const NOTHING: PrunePlan = { remove: [], keep: [] }

/** What a prune would do, found by the same rules as it is done by. */
export async function planPrune(ctx: Context, request: PruneRequest): Promise<PrunePreview> {
  const doomed = request.containers ? ctx.containers.planPrune(request.containers) : []
  const without = new Set(doomed.map(({ id }) => id))
  const containers = await Promise.all(doomed.map(async record => ({ record, size: await sizeOf(ctx, record) })))
  const networks = request.networks ? ctx.networks.planPrune(request.networks) : []
  const volumes = request.volumes ? await planVolumes(ctx, request.volumes, without) : NOTHING
  const { images, partial } = request.images
    ? await ctx.images.planPrune(request.images, without)
    : { images: [], partial: 0 }
  const trash = request.trash ? ctx.volumes.deleted() : []
  const sizes = [...containers, ...volumes.remove, ...images, ...trash].map(({ size }) => Math.max(0, size))
  const reclaimable = sizes.reduce((sum, size) => sum + size, partial)
  return { containers, networks, volumes, images, partial, trash, reclaimable }
}

async function sizeOf(ctx: Context, record: ContainerRecord): Promise<number> {
  const [root, log] = await Promise.all([
    ctx.images.rootfsUsage(record.snapshotKey).catch(() => 0),
    record.logPath === '' ? 0 : ctx.logs.size(record.logPath).catch(() => 0),
  ])
  return root + log
}

async function planVolumes(ctx: Context, filters: Filters, without: ReadonlySet<string>): Promise<PrunePlan> {
  return ctx.volumes.planPrune(filters, without)
}
