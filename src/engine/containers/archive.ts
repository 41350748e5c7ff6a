import { BerthError, forbidden, invalid, isKind, notFound } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { FileStat } from '#ports/files.ts'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream'
import { publish, type Context } from './context.ts'
import { below, cleanPath } from './create/paths.ts'
import { acquireRootfs } from './acquire-rootfs.ts'

interface Place {
  /** A directory of the host that `path` is resolved in. */
  root: string
  path: string
  /** What the archive calls what is at the path, where that is not the path's own last component. */
  name?: string
  readonly: boolean
  /** It lies in a volume, bind or image. */
  mounted: boolean
  release: () => Promise<void>
}

/** `HEAD /containers/{id}/archive`. */
export async function archiveStat(ctx: Context, reference: string, path: string): Promise<FileStat> {
  const record = ctx.records.find(reference)
  const place = await locate(ctx, record, path)
  try {
    return { ...(await ctx.rooted.stat(place.root, place.path)), name: baseName(path) }
  } catch (error) {
    throw missing(error, record, path)
  } finally {
    await place.release()
  }
}

/** `GET /containers/{id}/archive`: the root stays mounted until the stream ends. */
export async function archiveGet(
  ctx: Context,
  reference: string,
  path: string,
): Promise<{ stat: FileStat; tar: Readable }> {
  const record = ctx.records.find(reference)
  const place = await locate(ctx, record, path)
  try {
    const stat = { ...(await ctx.rooted.stat(place.root, place.path)), name: baseName(path) }
    const tar = await ctx.rooted.archive(place.root, place.path, place.name === undefined ? {} : { name: place.name })
    finished(tar, () => void place.release().catch(() => {}))
    publish(ctx, record, 'archive-path')
    return { stat, tar }
  } catch (error) {
    await place.release()
    throw missing(error, record, path)
  }
}

/** `PUT /containers/{id}/archive`. @throws not-found, or invalid when the path is no directory */
export async function archivePut(
  ctx: Context,
  reference: string,
  path: string,
  tar: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
): Promise<void> {
  const record = ctx.records.find(reference)
  const place = await locate(ctx, record, path)
  try {
    if (place.readonly) throw forbidden(`${place.mounted ? 'mounted volume' : 'container rootfs'} is marked read-only`)
    const resolved = await ctx.rooted.resolve(place.root, place.path)
    const stat = await ctx.rooted.stat(place.root, resolved)
    if (stat.kind !== 'directory') throw invalid('extraction point is not a directory')
    await ctx.rooted.extract(place.root, resolved, tar, { noOverwriteDirNonDir: options.noOverwriteDirNonDir })
  } catch (error) {
    throw missing(error, record, path)
  } finally {
    await place.release()
  }
  publish(ctx, record, 'extract-to-dir')
}

/** `GET /containers/{id}/export`: the whole root, as one tar. */
export async function exportRoot(ctx: Context, reference: string): Promise<Readable> {
  const record = ctx.records.find(reference)
  const { root, release } = await acquireRootfs(ctx, record)
  try {
    const tar = await ctx.rooted.archive(root, '/.')
    finished(tar, () => void release().catch(() => {}))
    publish(ctx, record, 'export')
    return tar
  } catch (error) {
    await release()
    throw error
  }
}

/** A path below a mount leads to the mount's source, else into the root filesystem; the deepest mount counts. */
async function locate(ctx: Context, record: ContainerRecord, path: string): Promise<Place> {
  if (path === '') throw invalid('path cannot be empty')
  const { root, release } = await acquireRootfs(ctx, record)
  try {
    const readonly = record.hostConfig.ReadonlyRootfs
    // The last component may be a symlink that the caller wants as such: only what leads to it is followed.
    const clean = cleanPath(path)
    const parent = clean.slice(0, clean.lastIndexOf('/')) || '/'
    const last = clean.slice(clean.lastIndexOf('/') + 1)
    const slash = path.endsWith('/') || path.endsWith('/.') ? '/.' : ''
    const direct = mounted(record, clean)
    // As Docker names it: a slash at the end changes nothing, `/.` does.
    const name = path.endsWith('/.') ? '.' : baseName(path)
    if (direct) return await inMount(ctx, record, direct, { slash, name, release })
    const resolvedParent = await ctx.rooted.resolve(root, parent).catch(() => parent)
    const full = `${resolvedParent === '/' ? '' : resolvedParent}/${last}`
    const hit = mounted(record, full)
    if (hit) return await inMount(ctx, record, hit, { slash, name, release })
    return { root, path: `${full}${slash}`, ...(clean === '/' ? {} : { name }), readonly, mounted: false, release }
  } catch (error) {
    await release()
    throw missing(error, record, path)
  }
}

interface Hit {
  index: number
  rest: string
}

function mounted(record: ContainerRecord, path: string): Hit | undefined {
  const plan = record.mountPlan ?? []
  let best: Hit | undefined
  plan.forEach((mount, index) => {
    if (mount.type === 'tmpfs') return
    const rest = below(path, mount.destination)
    if (rest === undefined) return
    if (!best || mount.destination.length > (plan[best.index]?.destination.length ?? 0)) best = { index, rest }
  })
  return best
}

/**
 * The whole volume is the root, also for a subpath: a subpath may be a link that a container made, and must not lead
 * out of the volume.
 */
async function inMount(
  ctx: Context,
  record: ContainerRecord,
  { index, rest }: Hit,
  as: { slash: string; name: string; release: Place['release'] },
): Promise<Place> {
  const plan = record.mountPlan?.[index]
  const common = { readonly: plan?.readonly ?? false, mounted: true, release: as.release }
  const source = record.mounts[index]?.Source ?? ''
  if (plan?.type === 'bind' && (await ctx.files.stat(source, { follow: true }))?.kind !== 'directory') {
    const slash = source.lastIndexOf('/')
    const path = rest === '/' ? source.slice(slash) : `${source.slice(slash)}${rest}`
    return { ...common, root: source.slice(0, slash) || '/', path: `${path}${as.slash}`, name: as.name }
  }
  let root = source
  if (plan?.type === 'image') root = await ctx.images.mountImage(ctx.images.resolve(plan.source))
  if (plan?.type === 'volume') {
    // Of a container that does not run, nobody may have it mounted.
    const user = `${record.id}:files:${ctx.randomHex(8)}`
    root = await ctx.volumes.mount(plan.source, user)
    common.release = async () => {
      await as.release()
      await ctx.volumes.unmount(plan.source, user)
    }
  }
  const subpath = plan?.subpath ? `/${plan.subpath}` : ''
  if (rest === '/') return { ...common, root, path: `${subpath}/.`, name: as.name }
  return { ...common, root, path: `${subpath}${rest}${as.slash}` }
}

function baseName(path: string): string {
  const clean = cleanPath(path)
  return clean === '/' ? '/' : clean.slice(clean.lastIndexOf('/') + 1)
}

function missing(error: unknown, record: ContainerRecord, path: string): unknown {
  if (!isKind(error, 'not-found')) return error
  if (error instanceof BerthError && error.message.startsWith('No such container')) return error
  return notFound(`Could not find the file ${path} in container ${record.name}`)
}
