import { BerthError, invalid, messageOf, unavailable } from '#lib/errors.ts'
import type { Conversation, FileServers } from '#ports/file-servers.ts'
import type { Context } from '../context.ts'
import { within } from './deadline.ts'
import { lookAtCifs } from './look-cifs.ts'
import { lookAtNfs } from './look-nfs.ts'
import { addressOf } from './network.ts'
import { networkMount } from './network-options.ts'
import type { NetworkMount } from './network-options.ts'
import type { Device } from './options.ts'

/** Milliseconds for all of it. */
export const VALIDATION_DEADLINE = 10_000

/** A server at its address, and how long it may take from now on. */
export interface Place {
  mount: NetworkMount
  address: string
  dial(port: number): Promise<Conversation>
}

/**
 * Finds out whether a device can be reached, before the volume is made: the server, its port, the export or share.
 *
 * @throws what is wrong, with the server, the path, the error's name and the way out
 */
export async function validateDevice(ctx: Context, device: Device): Promise<void> {
  const limit = ctx.validationDeadline ?? VALIDATION_DEADLINE
  const validating = validate(ctx, device, ctx.clock.now() + limit)
  const result = await within(ctx.clock, limit, validating)
  if (!result.late) return
  validating.catch(() => {})
  throw unavailable(`${device.device} did not answer within ${Math.round(limit / 1000)} s (ETIMEDOUT): ${ROUTE}`)
}

const ROUTE = 'check that the server runs and that no firewall is between'

async function validate(ctx: Context, device: Device, until: number): Promise<void> {
  const mount = networkMount(device)
  const servers = ctx.servers
  if (!mount || !servers) return validateLocal(ctx, device)
  const address = await addressOf(ctx, mount.server)
  const dial = async (port: number) => {
    const left = Math.max(1, until - ctx.clock.now())
    const explained = (error: unknown) => {
      throw unreachable(mount, address, port, error)
    }
    // Exports are for ports that only root has, unless they say otherwise.
    const how = { deadline: left, privileged: mount.kind === 'nfs' }
    const conversation = await servers.dial(address, port, how).catch(explained)
    return {
      ask: (frame: Uint8Array) => conversation.ask(frame).catch(explained),
      close: () => conversation.close(),
    }
  }
  const place = { mount, address, dial }
  await (mount.kind === 'nfs' ? lookAtNfs(place) : lookAtCifs(place))
  checkKernel(servers, mount)
}

/** What lies on this host must be there. */
async function validateLocal(ctx: Context, { type, device }: Device): Promise<void> {
  if (!device.startsWith('/')) return
  if (!(await ctx.files.stat(device, { follow: true })))
    throw invalid(`the device ${device} (type ${type}) does not exist (ENOENT): check the path`)
}

function unreachable({ server, path, kind }: NetworkMount, address: string, port: number, error: unknown): Error {
  const errno = error instanceof BerthError ? String(error.details.errno) : messageOf(error)
  const where = server === address ? server : `${server} (${address})`
  const service = kind === 'nfs' ? 'NFS' : 'SMB'
  const ways: Readonly<Record<string, string>> = {
    ECONNREFUSED: `nothing listens there: start the ${service} server, or give another one with o=port=N`,
    ETIMEDOUT: ROUTE,
    EHOSTUNREACH: 'there is no such host on that network: check the address',
    ENETUNREACH: 'there is no route to that network: check the address',
  }
  const words = `server ${where} does not answer on port ${port} for ${path} (${errno})`
  return unavailable(`${words}: ${ways[errno] ?? ROUTE}`, { cause: error, details: { errno } })
}

const PACKAGES: Readonly<Record<string, string>> = { nfs: 'nfs', nfs4: 'nfs', cifs: 'cifs', smb3: 'cifs' }

function checkKernel(servers: FileServers, { server, path, device }: NetworkMount): void {
  if (servers.knowsType(device.type)) return
  const module = PACKAGES[device.type] ?? device.type
  const words = `${path} on ${server} can be reached, but this kernel has no ${device.type} file system (ENODEV)`
  throw invalid(`${words}: run modprobe ${module}, or install a kernel package with the ${module} module`)
}
