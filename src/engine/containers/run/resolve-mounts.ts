import type { Rollback } from '#lib/rollback.ts'
import type { ContainerRecord, MountPlan } from '#model/container.ts'
import type { Context } from '../context.ts'
import { checkMountpoint, missingSource } from '../create/make-mounts.ts'
import type { ResolvedMount } from '../spec/input.ts'

/** Mounts volumes and finds every source, all at once. Undo steps go to `rollback` as each is made. */
export async function resolveMounts(
  ctx: Context,
  record: ContainerRecord,
  rollback: Rollback,
): Promise<ResolvedMount[]> {
  return allDone((record.mountPlan ?? []).map(plan => resolveOne(ctx, record, plan, rollback)))
}

async function resolveOne(
  ctx: Context,
  record: ContainerRecord,
  plan: MountPlan,
  rollback: Rollback,
): Promise<ResolvedMount> {
  switch (plan.type) {
    case 'tmpfs':
      return { plan, source: '' }
    case 'bind': {
      const directory = await ensureSource(ctx, plan, rollback)
      return { plan, source: plan.source, directory, restrictions: await ctx.mounts.restrictions(plan.source) }
    }
    case 'volume': {
      const root = await ctx.volumes.mount(plan.source, record.id)
      rollback.add(`unmount volume ${plan.source}`, () => ctx.volumes.unmount(plan.source, record.id))
      return { plan, source: root, restrictions: await ctx.mounts.restrictions(root) }
    }
    case 'image': {
      const root = await ctx.images.mountImage(ctx.images.resolve(plan.source))
      return { plan, source: root }
    }
  }
}

/** @returns whether the source is a directory */
async function ensureSource(ctx: Context, plan: MountPlan, rollback: Rollback): Promise<boolean> {
  // First of all, since this gives up on a file system that does not answer.
  const source = await ctx.files.stat(plan.source, { follow: true })
  checkMountpoint(ctx, plan)
  if (source) return source.kind === 'directory'
  if (!plan.createSource) throw missingSource(plan.source)
  // Of the directories that are made, the topmost is what an undo removes.
  let topmost = plan.source
  for (;;) {
    const parent = topmost.slice(0, topmost.lastIndexOf('/')) || '/'
    if (parent === '/' || (await ctx.files.stat(parent, { follow: true }))) break
    topmost = parent
  }
  rollback.add(`remove ${topmost}`, () => ctx.files.remove(topmost))
  await ctx.files.makeDirectory(plan.source, { mode: 0o755 })
  return true
}

/** As Promise.all, but waits for the slow ones before it throws, so that nothing is still being made. */
export async function allDone<T extends readonly unknown[] | []>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(work)
  const failed = results.find(result => result.status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  return results.map(result => (result as PromiseFulfilledResult<unknown>).value) as never
}
