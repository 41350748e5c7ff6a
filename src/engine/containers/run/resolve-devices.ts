import { invalid } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { FileStat } from '#ports/files.ts'
import type { Context } from '../context.ts'
import { checkDeviceAccess, type ResolvedDevice } from '../spec/devices.ts'

/** Directories of /dev that a privileged container gets from the runtime instead. */
const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.lxc', '.lxd-mounts', '.udev'])

/** The devices that a container is given: those asked for (directories in full), or all when privileged. */
export async function resolveDevices(ctx: Context, record: ContainerRecord): Promise<ResolvedDevice[]> {
  const { hostConfig } = record
  if (hostConfig.Privileged) return scan(ctx, '/dev', '/dev', 'rwm')
  const found: ResolvedDevice[] = []
  for (const { PathOnHost, PathInContainer, CgroupPermissions } of hostConfig.Devices ?? []) {
    const access = checkDeviceAccess(CgroupPermissions, PathOnHost)
    const target = PathInContainer || PathOnHost
    const stat = await ctx.files.stat(PathOnHost, { follow: true })
    const missing = () =>
      invalid(
        `error gathering device information while adding custom device "${PathOnHost}": ${stat ? 'not a device node' : 'no such file or directory'}`,
      )
    if (!stat) throw missing()
    const device = toDevice(stat, target, access)
    if (device) found.push(device)
    else if (stat.kind === 'directory') {
      const inside = await scan(ctx, PathOnHost, target, access)
      if (inside.length === 0) throw missing()
      found.push(...inside)
    } else throw missing()
  }
  return found
}

/** Numbers of the block devices that blkio limits name. @throws invalid naming one that is not there */
export async function resolveBlockDevices(
  ctx: Context,
  record: ContainerRecord,
): Promise<Record<string, { major: number; minor: number }>> {
  const host = record.hostConfig
  const limits = [
    ...(host.BlkioWeightDevice ?? []),
    ...(host.BlkioDeviceReadBps ?? []),
    ...(host.BlkioDeviceWriteBps ?? []),
    ...(host.BlkioDeviceReadIOps ?? []),
    ...(host.BlkioDeviceWriteIOps ?? []),
  ]
  const numbers: Record<string, { major: number; minor: number }> = {}
  for (const { Path } of limits) {
    const stat = await ctx.files.stat(Path, { follow: true })
    if (!stat?.device) throw invalid(`invalid device for a blkio limit: ${Path}: no such device`)
    numbers[Path] = stat.device
  }
  return numbers
}

async function scan(ctx: Context, directory: string, target: string, access: string): Promise<ResolvedDevice[]> {
  const found: ResolvedDevice[] = []
  for (const name of await ctx.files.list(directory)) {
    if (SKIPPED.has(name)) continue
    const stat = await ctx.files.stat(`${directory}/${name}`)
    if (!stat) continue
    const device = toDevice(stat, `${target}/${name}`, access)
    if (device) found.push(device)
    else if (stat.kind === 'directory')
      found.push(...(await scan(ctx, `${directory}/${name}`, `${target}/${name}`, access)))
  }
  return found
}

function toDevice(stat: FileStat, path: string, access: string): ResolvedDevice | undefined {
  if ((stat.kind !== 'char' && stat.kind !== 'block') || !stat.device) return undefined
  return {
    node: {
      path,
      type: stat.kind === 'char' ? 'c' : 'b',
      ...stat.device,
      fileMode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
    },
    access,
  }
}
