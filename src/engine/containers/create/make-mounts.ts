import { invalid, isKind } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { MountPlan } from '#model/container.ts'
import type { ImageRecord } from '#model/image.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Context } from '../context.ts'
import type { ResolvedMount } from '../spec/input.ts'
import { join } from './paths.ts'

/**
 * Makes the volumes that a plan needs and fills the empty ones from the image; checks bind sources and images.
 * Returns the plan with names filled in, and each mount's source for `inspect`.
 */
export async function makeMounts(
  ctx: Context,
  id: string,
  plan: MountPlan[],
  image: ImageRecord,
  rollback: Rollback,
): Promise<ResolvedMount[]> {
  const made: ResolvedMount[] = []
  let imageRoot: string | undefined
  for (const mount of plan) {
    if (mount.type === 'volume') {
      const volume = await makeVolume(ctx, id, mount, rollback)
      if (!mount.noCopy && !mount.subpath) {
        imageRoot ??= await ctx.images.mountImage(image)
        await copyUp(ctx, volume.name, imageRoot, mount.destination)
      }
      const filled = { ...mount, source: volume.name, driver: volume.driver }
      made.push({ plan: filled, source: volume.mountpoint })
    } else if (mount.type === 'bind') {
      if (!mount.createSource && !(await ctx.files.stat(mount.source, { follow: true })))
        throw missingSource(mount.source)
      checkMountpoint(ctx, mount)
      made.push({ plan: mount, source: mount.source })
    } else {
      if (mount.type === 'image') ctx.images.resolve(mount.source)
      made.push({ plan: mount, source: mount.source })
    }
  }
  return made
}

export function missingSource(path: string): Error {
  return invalid(`invalid mount config for type "bind": bind source path does not exist: ${path}`)
}

/** @throws invalid when what is to be a mount point is none */
export function checkMountpoint(ctx: Context, { source, requireMountpoint }: MountPlan): void {
  if (!requireMountpoint || ctx.mounts.isMounted(source)) return
  throw invalid(
    `invalid mount config for type "bind": bind source path is not a mount point: ${source}: mount its file system first`,
  )
}

async function makeVolume(ctx: Context, id: string, mount: MountPlan, rollback: Rollback): Promise<VolumeRecord> {
  // Held from before it is looked up until the record names it: a prune meanwhile must not take it.
  if (mount.source !== '') hold(ctx, id, mount.source, rollback)
  const hasOptions = Object.keys(mount.driverOptions).length > 0
  const existing = mount.source === '' ? undefined : find(ctx, mount.source)
  if (existing && !hasOptions && (mount.driver === '' || mount.driver === existing.driver)) return existing
  const volume = await ctx.volumes.create({
    name: mount.source,
    driver: mount.driver || 'local',
    options: mount.driverOptions,
    labels: mount.labels,
    anonymous: mount.anonymous && mount.source === '',
  })
  if (mount.source === '') hold(ctx, id, volume.name, rollback)
  if (!existing) rollback.add('remove volume', () => ctx.volumes.remove(volume.name, { force: true, except: id }))
  return volume
}

function hold(ctx: Context, id: string, volume: string, rollback: Rollback): void {
  ctx.volumes.hold(volume, id)
  rollback.add('release volume', () => ctx.volumes.release(volume, id))
}

function find(ctx: Context, name: string): VolumeRecord | undefined {
  try {
    return ctx.volumes.get(name)
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined
    throw error
  }
}

async function copyUp(ctx: Context, volume: string, imageRoot: string, destination: string): Promise<void> {
  let source: string
  try {
    source = await ctx.rooted.resolve(imageRoot, destination)
    if ((await ctx.rooted.stat(imageRoot, source)).kind !== 'directory') return
  } catch (error) {
    if (isKind(error, 'not-found')) return
    throw error
  }
  await ctx.volumes.copyUp(volume, join(imageRoot, source))
}
