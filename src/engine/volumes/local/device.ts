import { messageOf, system, unavailable } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { dataOf } from '../context.ts'
import type { LocalOptions } from './options.ts'

/** Mounts what `type`, `device` and `o` name on a volume's directory. */
export async function mountDevice(
  ctx: Context,
  name: string,
  device: NonNullable<LocalOptions['device']>,
): Promise<void> {
  const data = dataOf(ctx, name)
  try {
    const options = isNetwork(device.type) ? await withAddress(ctx, device.device, device.options) : device.options
    await withDeadline(ctx, name, device.device, ctx.mounts.filesystem(data, device.type, device.device, options))
  } catch (cause) {
    const words = `error while mounting volume '${data}': failed to mount local volume: ${messageOf(cause)}`
    throw system(words, { cause })
  }
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
