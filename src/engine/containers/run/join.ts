import { conflict } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { isAlive } from '#model/container-state.ts'
import { directoryOf, type Context } from '../context.ts'
import type { Joined } from '../spec/input.ts'
import { parseIpcMode, parseNetworkMode, parsePidMode } from '../spec/modes.ts'

/** Namespaces of other containers that this one joins. @throws conflict when one of them does not run */
export function joinedNamespaces(ctx: Context, record: ContainerRecord): Joined {
  const { hostConfig } = record
  const joined: Joined = {}
  const network = parseNetworkMode(hostConfig.NetworkMode)
  if (network.kind === 'container') joined.network = `/proc/${pidOf(ctx, network.reference, 'network')}/ns/net`
  const pid = parsePidMode(hostConfig.PidMode ?? '')
  if (pid.kind === 'container') joined.pid = `/proc/${pidOf(ctx, pid.reference, 'PID')}/ns/pid`
  const ipc = parseIpcMode(hostConfig.IpcMode ?? '')
  if (ipc.kind === 'container') {
    joined.ipc = `/proc/${pidOf(ctx, ipc.reference, 'IPC')}/ns/ipc`
    joined.shm = sharedShm(ctx, ctx.records.find(ipc.reference))
  }
  if (ipc.kind === 'shareable') joined.shm = shmPath(ctx, record.id)
  return joined
}

/** /dev/shm of a container with shareable IPC, on the host. */
export function shmPath(ctx: Context, id: string): string {
  return `${directoryOf(ctx, id)}/shm`
}

function sharedShm(ctx: Context, donor: ContainerRecord): string {
  const mode = parseIpcMode(donor.hostConfig.IpcMode ?? '')
  if (mode.kind === 'host') return '/dev/shm'
  if (mode.kind === 'container') return sharedShm(ctx, ctx.records.find(mode.reference))
  return shmPath(ctx, donor.id)
}

function pidOf(ctx: Context, reference: string, what: string): number {
  const { state, id, name } = ctx.records.find(reference)
  if (isAlive(state)) return state.run.pid
  throw conflict(`cannot join ${what} namespace of container "/${name}" (${id}): it is not running: start it first`)
}
