import { BerthError, messageOf, system, unavailable } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { dataOf } from '../context.ts'
import { within } from './deadline.ts'
import { mountNetwork } from './network.ts'
import { networkMount } from './network-options.ts'
import type { Device } from './options.ts'

/** Mounts what `type`, `device` and `o` name on a volume's directory. */
export async function mountDevice(
  ctx: Context,
  name: string,
  device: Device,
  owner: { uid?: number; gid?: number; mode?: number } = {},
): Promise<void> {
  const data = dataOf(ctx, name)
  try {
    const network = networkMount(device)
    const mounting = network ? mountNetwork(ctx, data, network) : mountLocal(ctx, data, device)
    await withDeadline(ctx, name, device.device, mounting)
    if (Object.keys(owner).length > 0) await ctx.block?.own(data, owner)
  } catch (cause) {
    const words = `error while mounting volume '${data}': failed to mount local volume: ${messageOf(cause)}`
    throw system(words, { cause, ...(cause instanceof BerthError && { details: cause.details }) })
  }
}

/** Types whose source is a block device, or a file with the bytes of one. */
const ON_DISK = /^(ext[234]|xfs|btrfs|vfat|exfat|ntfs3?|iso9660|udf|squashfs|erofs|f2fs)$/

async function mountLocal(ctx: Context, data: string, { type, device, options }: Device): Promise<void> {
  const binds = options.includes('bind') || options.includes('rbind')
  if (!ctx.block || binds || !ON_DISK.test(type)) return ctx.mounts.filesystem(data, type, device, options)
  return ctx.block.mount(data, type, bySymbol(device), options)
}

/** `UUID=…` and its kin as the links that udev keeps. */
export function bySymbol(device: string): string {
  const match = /^(UUID|LABEL|PARTUUID|PARTLABEL|ID)=(.+)$/.exec(device)
  if (!match) return device
  const value = match[2]!.replaceAll(/^"|"$/g, '')
  // udev writes what has no place in a name so.
  const encoded = value.replaceAll(/[^A-Za-z0-9#+\-.:=@_]/g, one =>
    Array.from(new TextEncoder().encode(one), byte => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  )
  return `/dev/disk/by-${match[1]!.toLowerCase()}/${encoded}`
}

/** The kernel tries for minutes. Should it succeed after all, the mount is taken down again. */
async function withDeadline(ctx: Context, name: string, device: string, mounting: Promise<void>): Promise<void> {
  const limit = ctx.mountDeadline ?? 30_000
  if (!(await within(ctx.clock, limit, mounting)).late) return
  void mounting.then(
    () => ctx.mounts.unmount(dataOf(ctx, name)),
    (error: unknown) => ctx.log.warn('a mount failed after its deadline', { volume: name, error: messageOf(error) }),
  )
  throw unavailable(
    `${device} did not answer within ${Math.round(limit / 1000)} s: check the server and the route to it`,
  )
}
