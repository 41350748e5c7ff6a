import { BerthError, messageOf, system, unavailable } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { mountTries, neededHelper, valueOf } from './network-options.ts'
import type { MountTry, NetworkFacts, NetworkMount } from './network-options.ts'

/** Says that the server speaks another version, or that this kernel lacks it: mount.nfs(8) goes on then too. */
const OTHER_VERSION = new Set(['EPROTONOSUPPORT', 'EINVAL', 'ENOENT'])

/** How much: an export that version 4 does not find is the reason, not that there is no version 3. */
const SAYS: Readonly<Record<string, number>> = { EINVAL: 0, EPROTONOSUPPORT: 1, ENOPKG: 2 }

/** Mounts a share with no helper of mount(8). @throws system, of the try that says most */
export async function mountNetwork(ctx: Context, target: string, mount: NetworkMount): Promise<void> {
  const tries = mountTries(mount, await factsOf(ctx, mount))
  let telling: { error: unknown; says: number } | undefined
  for (const one of tries) {
    try {
      await checkHelper(ctx, mount, one)
      return await ctx.mounts.filesystem(target, one.type, one.source, one.options)
    } catch (error) {
      const errno = errnoOf(error)
      const says = SAYS[errno] ?? 3
      if (!telling || says > telling.says) telling = { error, says }
      if (!OTHER_VERSION.has(errno)) break
    }
  }
  throw telling?.error
}

export async function factsOf(ctx: Context, mount: NetworkMount): Promise<NetworkFacts> {
  const address = await addressOf(ctx, mount.server)
  const file = valueOf(mount.device.options, 'credentials', 'cred')
  return {
    address,
    ownAddress: mount.kind === 'nfs' ? ((await ctx.servers?.ownAddress(address)) ?? '') : '',
    credentials: file === undefined ? '' : await readCredentials(ctx, file),
  }
}

/** The kernel takes addresses only. */
export async function addressOf(ctx: Context, server: string): Promise<string> {
  if (isAddress(server) || !ctx.lookup) return server
  try {
    return await ctx.lookup(server)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : messageOf(cause)
    throw unavailable(`the server's name ${server} is not known (${code}): check the name and this host's resolver`, {
      cause,
    })
  }
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) || text.includes(':')
}

async function readCredentials(ctx: Context, file: string): Promise<string> {
  try {
    return await ctx.files.read(file)
  } catch (cause) {
    throw system(`the credentials file cannot be read: ${messageOf(cause)}`, { cause })
  }
}

async function checkHelper(ctx: Context, mount: NetworkMount, tried: MountTry): Promise<void> {
  const helper = neededHelper(mount, tried)
  if (helper && !(await ctx.files.stat(helper.file))) throw system(helper.words, { details: { errno: 'ENOPKG' } })
}

function errnoOf(error: unknown): string {
  return error instanceof BerthError ? String(error.details.errno) : ''
}
