import { messageOf, system, unavailable } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, dataOf, find } from './context.ts'
import type { Context } from './context.ts'
import { parseOptions } from './options.ts'

/** One more user: the first one's call mounts a device, a share or a bind. */
export function mountVolume(ctx: Context, name: string, userId: string): Promise<string> {
  return ctx.locks.run(name, async () => {
    const volume = find(ctx, name)
    await attach(ctx, volume)
    const users = ctx.mounted.get(name) ?? new Set()
    ctx.mounted.set(name, users.add(userId))
    announce(ctx, 'mount', volume, { container: userId })
    return volume.mountpoint
  })
}

/** One user less: the last one's call unmounts. Neither volume nor user need exist. */
export function unmountVolume(ctx: Context, name: string, userId: string): Promise<void> {
  return ctx.locks.run(name, async () => {
    const users = ctx.mounted.get(name)
    if (!users?.delete(userId)) return
    if (users.size === 0) ctx.mounted.delete(name)
    const volume = ctx.records.get(name)
    if (!volume) return
    if (users.size === 0) await detach(ctx, volume)
    announce(ctx, 'unmount', volume, { container: userId })
  })
}

/** Mounts what the options name, unless it is there. The lock is held. */
export async function attach(ctx: Context, volume: VolumeRecord): Promise<void> {
  const data = dataOf(ctx, volume.name)
  const { device, owner, mode } = parseOptions(volume.options)
  // Before anything touches the directory, which a dead file server would make hang.
  if (device && ctx.mounts.isMounted(data)) return
  // One that somebody deleted by hand must not keep a container from starting.
  await ctx.files.makeDirectory(data, { mode: mode ?? 0o755, ...owner })
  if (!device) return
  const network = isNetwork(device.type)
  try {
    const options = network ? await withAddress(ctx, device.device, device.options) : device.options
    await withDeadline(
      ctx,
      volume.name,
      device.device,
      ctx.mounts.filesystem(data, device.type, device.device, options),
    )
  } catch (cause) {
    const words = `error while mounting volume '${data}': failed to mount local volume: ${messageOf(cause)}`
    throw system(words, { cause })
  }
}

export async function detach(ctx: Context, volume: VolumeRecord): Promise<void> {
  const { device } = parseOptions(volume.options)
  if (device) await ctx.mounts.unmount(dataOf(ctx, volume.name))
}

export function isNetwork(type: string): boolean {
  return ['nfs', 'nfs4', 'cifs', 'smb3'].includes(type)
}

/** The kernel takes addresses only: a name in `addr=`, or in `SERVER:/path` and `//server/share` without it. */
export async function withAddress(ctx: Context, device: string, options: readonly string[]): Promise<string[]> {
  const given = options.find(option => option.startsWith('addr='))?.slice('addr='.length)
  const inDevice = /^\/\/([^/]+)\//.exec(device)?.[1] ?? /^\[?([^/\]]+)\]?:\//.exec(device)?.[1]
  const server = given ?? inDevice
  if (server === undefined) return Array.from(options)
  const address = isAddress(server) || !ctx.lookup ? server : await ctx.lookup(server)
  return [...options.filter(option => !option.startsWith('addr=')), `addr=${address}`]
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) || text.includes(':')
}

/** The kernel tries for minutes. Should it succeed after all, the mount is taken down again. */
async function withDeadline(ctx: Context, name: string, device: string, mounting: Promise<void>): Promise<void> {
  const limit = ctx.mountDeadline ?? 30_000
  const stop = new AbortController()
  const late = ctx.clock.sleep(limit, stop.signal).then(
    () => 'late' as const,
    () => 'stopped' as const,
  )
  const first = await Promise.race([mounting, late])
  stop.abort(new Error('mounted'))
  if (first !== 'late') return
  void mounting.then(
    () => ctx.mounts.unmount(dataOf(ctx, name)),
    (error: unknown) => ctx.log.warn('a mount failed after its deadline', { volume: name, error: messageOf(error) }),
  )
  throw unavailable(
    `${device} did not answer within ${Math.round(limit / 1000)} s: check the server and the route to it`,
  )
}
