import { conflict, invalid } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { CopyOptions } from '#ports/files.ts'
import { cloneByDriver } from './clone-by-driver.ts'
import { extentOf, find, mountedBy } from './context.ts'
import type { Context } from './context.ts'
import { pinVolume } from './pin.ts'
import type { ClonedVolume, CloneVolume } from './service.ts'
import { snapshotVolume } from './snapshot.ts'
import { stageVolume } from './stage/index.ts'

const ANONYMOUS = 'com.docker.volume.anonymous'

/** A volume like another, with what that one has: by its driver in no time, else file by file. Shows when it is whole. */
export async function cloneVolume(
  ctx: Context,
  name: string,
  request: CloneVolume,
  how: Pick<CopyOptions, 'onProgress' | 'signal'> = {},
): Promise<ClonedVolume> {
  const source = find(ctx, name)
  if (request.name === name) throw invalid(`clone ${name}: a clone needs a name of its own`)
  if (request.name !== '' && ctx.records.get(request.name))
    throw conflict(`clone ${name}: a volume named ${request.name} exists: choose another name`)
  const driver = ctx.drivers.of(source)
  const { [ANONYMOUS]: _, ...labels } = { ...source.labels, ...request.labels }
  const made = await cloneByDriver(ctx, source, { name: request.name, options: source.options, labels })
  if (made) return { volume: made, method: 'snapshot', live: false }
  let method: ClonedVolume['method'] | undefined
  const staged = await stageVolume(
    ctx,
    {
      name: request.name,
      driver: source.driver,
      // Another volume of the same share or device would be the very same data.
      options: extentOf(driver, source) === 'handle' && !driver.usesHandles ? {} : source.options,
      labels,
      replace: false,
    },
    async beside => {
      method = await ctx.locks.run(name, async () => driver.clone?.(find(ctx, name), beside))
    },
  )
  try {
    const copied = method === undefined ? await copyFiles(ctx, source, staged.path, how) : { method, live: false }
    return { ...copied, volume: await staged.commit() }
  } catch (error) {
    await staged.abort()
    throw error
  }
}

async function copyFiles(
  ctx: Context,
  { name }: VolumeRecord,
  to: string,
  how: Pick<CopyOptions, 'onProgress' | 'signal'>,
): Promise<Omit<ClonedVolume, 'volume'>> {
  const snapshot = await snapshotVolume(ctx, name)
  const user = `clone ${ctx.randomHex(4)}`
  const pinned = snapshot ? undefined : await pinVolume(ctx, name, user)
  const from = snapshot?.path ?? pinned!.path
  try {
    const { shared } = await ctx.files.copyTree(from, to, { background: true, ...how })
    const live = pinned !== undefined && (pinned.inUse || mountedBy(ctx, name, user).length > 0)
    return { method: shared ? 'reflink' : 'copy', live }
  } finally {
    await (snapshot ?? pinned)!.release()
  }
}
