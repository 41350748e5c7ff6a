import { invalid, isKind, messageOf, system } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { ContainerRecord, MountPlan } from '#model/container.ts'
import type { Context } from '../context.ts'
import { parseIdMap } from '../create/idmap.ts'
import type { ResolvedMount } from '../spec/input.ts'
import type { ResolvedUser } from '../spec/user.ts'

/**
 * Sources that a path does not say well enough become mounts of their own for as long as the container is being created:
 * a sub-path, which somebody who writes to the volume could turn into a link that leads out of it; files that are to show
 * other owners; and a bind without the mounts below, which crun 1.8 makes with them.

 *
 * @returns the mounts with their sources, and what gives those back once the runtime has made the container
 */
export async function pinSources(
  ctx: Context,
  record: ContainerRecord,
  mounts: ResolvedMount[],
  user: ResolvedUser,
  rollback: Rollback,
): Promise<{ mounts: ResolvedMount[]; release: () => Promise<void> }> {
  const pinned: string[] = []
  const release = async () => {
    await Promise.all(pinned.map(target => unpin(ctx, target)))
  }
  if (!mounts.some(needsPin)) return { mounts, release }
  await ctx.files.makeDirectory(ctx.pinRoot, { mode: 0o700 })
  rollback.add('give mount sources back', release)
  const result: ResolvedMount[] = []
  for (const [index, mount] of mounts.entries()) {
    if (!needsPin(mount)) {
      result.push(mount)
      continue
    }
    const target = `${ctx.pinRoot}/${record.id.slice(0, 24)}-${index}`
    pinned.push(target)
    const directory = await pin(ctx, mount, target, user)
    result.push({ ...mount, source: target, directory })
  }
  return { mounts: result, release }
}

/** After a crash in mid-creation. */
export async function unpinAll(ctx: Context): Promise<void> {
  if (!(await ctx.files.stat(ctx.pinRoot))) return
  for (const name of await ctx.files.list(ctx.pinRoot)) await unpin(ctx, `${ctx.pinRoot}/${name}`)
}

const needsPin = ({ plan }: ResolvedMount) =>
  plan.subpath !== '' || plan.idmap !== undefined || (plan.type === 'bind' && !plan.recursive && isPrivate(plan))

const isPrivate = ({ propagation }: MountPlan) => ['', 'private', 'rprivate'].includes(propagation)

async function pin(
  ctx: Context,
  { plan, source }: ResolvedMount,
  target: string,
  user: ResolvedUser,
): Promise<boolean> {
  try {
    const owner = plan.idmap === undefined ? undefined : await ownerOf(ctx, source, plan.subpath)
    const idmap = owner && parseIdMap(plan.idmap!, owner, user)
    const recursive = plan.type !== 'bind' || plan.recursive
    return await ctx.mounts.bindInside(source, plan.subpath, target, { recursive, ...(idmap && { idmap }) })
  } catch (cause) {
    if (isKind(cause, 'not-found')) throw missingInside(plan)
    if (isKind(cause, 'invalid')) throw cause
    throw system(`cannot mount ${plan.source} at ${plan.destination}: ${messageOf(cause)}`, { cause })
  }
}

async function ownerOf(ctx: Context, source: string, subpath: string): Promise<{ uid: number; gid: number }> {
  // A bind's source may be a file, which has no inside.
  if (subpath === '') return (await ctx.files.stat(source, { follow: true })) ?? { uid: 0, gid: 0 }
  return ctx.rooted.stat(source, subpath)
}

function missingInside(plan: MountPlan): Error {
  const where = plan.subpath === '' ? plan.source : `${plan.subpath} in ${plan.type} ${plan.source}`
  return invalid(`cannot access path ${where}: no such file or directory`)
}

async function unpin(ctx: Context, target: string): Promise<void> {
  await ctx.mounts.unmount(target)
  await ctx.files.remove(target)
}
