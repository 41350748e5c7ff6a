import { BerthError, messageOf, system, unavailable } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { dataOf } from '../context.ts'
import { within } from './deadline.ts'
import { mountNetwork } from './network.ts'
import { networkMount } from './network-options.ts'
import { isForeign } from './options.ts'
import type { Device } from './options.ts'

/** Milliseconds that mounting a volume may take. */
const MOUNT_DEADLINE = 30_000
/** Milliseconds that unmounting is waited for; it goes on after that. */
const UNMOUNT_DEADLINE = 5000

/** What is mounted for volumes. A server that is dead holds a thread for each of its volumes, but never two. */
export class Devices {
  readonly #ctx: Context
  /** Mounts and unmounts that took longer than their deadline and are still under way, by volume. */
  readonly #late = new Map<string, string>()

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  /** Mounts what `type`, `device` and `o` name on a volume's directory. */
  async mount(
    name: string,
    device: Device,
    owner: { uid?: number; gid?: number; mode?: number } = {},
    limit = this.#ctx.mountDeadline ?? MOUNT_DEADLINE,
  ): Promise<void> {
    const ctx = this.#ctx
    const data = dataOf(ctx, name)
    try {
      this.#checkIdle(name, device.device)
      const network = networkMount(device)
      const mounting = network ? mountNetwork(ctx, data, network) : mountLocal(ctx, data, device)
      await this.#mounted(name, device.device, mounting, limit)
      if (Object.keys(owner).length > 0) await ctx.block?.own(data, owner)
    } catch (cause) {
      const words = `error while mounting volume '${data}': failed to mount local volume: ${messageOf(cause)}`
      throw system(words, { cause, ...(cause instanceof BerthError && { details: cause.details }) })
    }
    try {
      if (device.type !== 'tmpfs') await checkAnswers(ctx, data)
    } catch (error) {
      await this.unmount(name, isForeign(device))
      throw error
    }
  }

  /** Never fails for a server that does not answer: the mount goes when it does, and is in nobody's way until then. */
  async unmount(name: string, mayHang: boolean): Promise<void> {
    if (this.#late.has(name)) return
    const unmounting = this.#ctx.mounts.unmount(dataOf(this.#ctx, name), { mayHang })
    if (!(await within(this.#ctx.clock, UNMOUNT_DEADLINE, unmounting)).late) return
    this.#ctx.log.warn('a volume is not unmounted yet: its server does not answer', { volume: name })
    this.#follow(name, 'unmounted', unmounting)
  }

  /** The kernel tries for minutes. Should it succeed after all, the mount is taken down again. */
  async #mounted(name: string, device: string, mounting: Promise<void>, limit: number): Promise<void> {
    if (!(await within(this.#ctx.clock, limit, mounting)).late) return
    this.#follow(
      name,
      'mounted',
      mounting.then(() => this.#ctx.mounts.unmount(dataOf(this.#ctx, name), { mayHang: true })),
    )
    throw unavailable(
      `${device} did not answer within ${Math.round(limit / 1000)} s: check the server and the route to it`,
    )
  }

  #follow(name: string, what: string, work: Promise<unknown>): void {
    this.#late.set(name, what)
    void work
      .catch((error: unknown) => {
        this.#ctx.log.warn('a mount or unmount failed after its deadline', { volume: name, error: messageOf(error) })
      })
      .finally(() => this.#late.delete(name))
  }

  #checkIdle(name: string, device: string): void {
    const what = this.#late.get(name)
    if (what !== undefined)
      throw unavailable(`${device} is still being ${what}, since its server does not answer: check the server`)
  }
}

/** @throws unavailable when what is mounted there does not answer */
export async function checkAnswers(ctx: Context, data: string): Promise<void> {
  await ctx.files.stat(data, { follow: true })
}

/** Types whose source is a block device, or a file with the bytes of one. */
const ON_DISK = /^(ext[234]|xfs|btrfs|vfat|exfat|ntfs3?|iso9660|udf|squashfs|erofs|f2fs)$/

async function mountLocal(ctx: Context, data: string, { type, device, options }: Device): Promise<void> {
  const binds = options.includes('bind') || options.includes('rbind')
  // Its path is looked up on the main thread when it is bound: never where nobody answers.
  if (binds) await ctx.files.stat(device, { follow: true })
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
