import { invalid, isKind } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { OciSpec } from '#model/oci.ts'
import type { Context } from '../context.ts'
import { buildSpec } from '../spec/build.ts'
import type { ResolvedDevice } from '../spec/devices.ts'
import type { ResolvedMount } from '../spec/input.ts'
import { parseNetworkMode } from '../spec/modes.ts'
import { resolveUser, type ResolvedUser } from '../spec/user.ts'
import { joinedNamespaces } from './join.ts'
import type { RunNetwork } from './network.ts'
import { resolveBlockDevices, resolveDevices } from './resolve-devices.ts'
import { allDone } from './resolve-mounts.ts'

const PASSWD_LIMIT = 4 * 1024 * 1024

/** What the specification needs of the root filesystem and of /dev; no network needed yet. */
export interface Gathered {
  rootfs: string
  user: ResolvedUser
  devices: ResolvedDevice[]
  blockDevices: Record<string, { major: number; minor: number }>
}

export async function gather(ctx: Context, record: ContainerRecord, rootfs: string): Promise<Gathered> {
  const [user, devices, blockDevices] = await allDone([
    lookUpUser(ctx, rootfs, record.config.User, record.hostConfig.GroupAdd ?? []),
    resolveDevices(ctx, record),
    resolveBlockDevices(ctx, record),
    ensureWorkdir(ctx, record, rootfs),
  ])
  return { rootfs, user, devices, blockDevices }
}

/** The specification of a run whose parts have been made. */
export function specify(
  ctx: Context,
  record: ContainerRecord,
  gathered: Gathered,
  network: RunNetwork,
  mounts: ResolvedMount[],
): OciSpec {
  const joined = joinedNamespaces(ctx, record)
  if (network.sandboxPath && parseNetworkMode(record.hostConfig.NetworkMode).kind !== 'host') {
    joined.network = network.sandboxPath
  }
  return buildSpec({
    ...gathered,
    record,
    hostname: network.hostname,
    mounts,
    files: network.files,
    joined,
    ...(record.hostConfig.Init ? { initPath: initOf(ctx) } : {}),
    facts: ctx.host.facts(),
    cgroupMode: ctx.cgroups.mode,
    cgroupsPath: cgroupsPath(ctx, record),
  })
}

/** @throws invalid in Docker's words when the container's passwd or group knows no such name */
export async function lookUpUser(
  ctx: Context,
  rootfs: string,
  user: string,
  groupAdd: string[],
): Promise<ResolvedUser> {
  const [passwd, group] = await allDone([readOr(ctx, rootfs, '/etc/passwd'), readOr(ctx, rootfs, '/etc/group')])
  return resolveUser(user, passwd, group, groupAdd)
}

async function readOr(ctx: Context, rootfs: string, path: string): Promise<string> {
  try {
    return await ctx.rooted.read(rootfs, path, PASSWD_LIMIT)
  } catch (error) {
    if (isKind(error, 'not-found')) return ''
    throw error
  }
}

/** The working directory is made when it is not there, as Docker makes it. */
async function ensureWorkdir(ctx: Context, record: ContainerRecord, rootfs: string): Promise<void> {
  const path = record.config.WorkingDir
  if (!path || path === '/') return
  try {
    await ctx.rooted.stat(rootfs, path)
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error
    await ctx.rooted.makeDirectories(rootfs, path)
  }
}

function initOf(ctx: Context): string {
  if (ctx.initPath) return ctx.initPath
  throw invalid('--init needs tini or catatonit on the host: install one of them, or start without --init')
}

function cgroupsPath(ctx: Context, record: ContainerRecord): string {
  const parent = record.hostConfig.CgroupParent
  if (ctx.runtime.info().cgroupDriver === 'systemd') return `${parent || 'system.slice'}:berth:${record.id}`
  const base = parent ? (parent.startsWith('/') ? parent : `/${parent}`) : ctx.cgroupParent
  return `${base === '/' ? '' : base}/${record.id}`
}
