import { invalid, notImplemented } from '#lib/errors.ts'
import type { MountRequest } from '#model/config.ts'
import type { MountPlan } from '#model/container.ts'
import { basePlan, checkIdMapAlone, checkVolumeName, PROPAGATIONS } from './mount-plan.ts'
import { checkIdMap } from './idmap.ts'
import { cleanPath } from './paths.ts'

/** One entry of `HostConfig.Mounts`. @throws invalid in Docker's words */
export function planMountRequest(mount: MountRequest): MountPlan {
  const bad = (why: string) => invalid(`invalid mount config for type "${mount.Type}": ${why}`)
  if (!mount.Target) throw bad('field Target must not be empty')
  if (!mount.Target.startsWith('/')) throw bad(`invalid mount path: '${mount.Target}' mount path must be absolute`)
  const destination = cleanPath(mount.Target)
  if (destination === '/') throw bad("invalid specification: destination can't be '/'")
  const exclusive: [unknown, string, string][] = [
    [mount.BindOptions, 'bind', 'BindOptions'],
    [mount.VolumeOptions, 'volume', 'VolumeOptions'],
    [mount.TmpfsOptions, 'tmpfs', 'TmpfsOptions'],
    [mount.ImageOptions, 'image', 'ImageOptions'],
  ]
  for (const [given, type, field] of exclusive) {
    if (given && type !== mount.Type) throw bad(`field ${field} must not be specified`)
  }
  const common = { destination, readonly: mount.ReadOnly ?? false }
  switch (mount.Type) {
    case 'bind':
      return planBind(mount, common, bad)
    case 'volume':
      return planVolume(mount, common, bad)
    case 'tmpfs':
      if (mount.Source) throw bad('field Source must not be specified')
      return basePlan({ type: 'tmpfs', source: '', ...common, options: tmpfsOptions(mount, bad) })
    case 'image':
      if (!mount.Source) throw bad('field Source must not be empty')
      return basePlan({
        type: 'image',
        source: mount.Source,
        ...common,
        readonly: true,
        subpath: checkSubpath(mount.ImageOptions?.Subpath ?? '', bad),
      })
    case 'cluster':
      throw notImplemented(`mount of type "cluster" at ${destination}: cluster volumes need a cluster`)
    default:
      throw invalid(`invalid mount config for type "${mount.Type}": mount type unknown`)
  }
}

type Bad = (why: string) => Error

function planBind(mount: MountRequest, common: { destination: string; readonly: boolean }, bad: Bad): MountPlan {
  if (!mount.Source) throw bad('field Source must not be empty')
  if (!mount.Source.startsWith('/')) throw bad(`invalid mount path: '${mount.Source}' mount path must be absolute`)
  const options = mount.BindOptions ?? {}
  const propagation = options.Propagation ?? ''
  if (propagation && !PROPAGATIONS.includes(propagation)) throw bad(`invalid propagation mode: ${propagation}`)
  if (options.ReadOnlyForceRecursive && options.NonRecursive) {
    throw bad('mount options conflict: NonRecursive and ReadOnlyForceRecursive')
  }
  if (options.ReadOnlyForceRecursive && options.ReadOnlyNonRecursive) {
    throw bad('mount options conflict: ReadOnlyNonRecursive and ReadOnlyForceRecursive')
  }
  if (options.IdMap !== undefined) checkIdMap(options.IdMap)
  checkIdMapAlone({ idmap: options.IdMap, propagation })
  return basePlan({
    type: 'bind',
    source: cleanPath(mount.Source),
    ...common,
    propagation,
    recursive: !options.NonRecursive,
    createSource: options.CreateMountpoint ?? false,
    ...(options.ReadOnlyNonRecursive && { readonlyDepth: 'top' }),
    ...(options.ReadOnlyForceRecursive && { readonlyDepth: 'force' }),
    ...(options.IdMap !== undefined && { idmap: options.IdMap }),
    ...(options.RequireMountpoint && { requireMountpoint: true }),
  })
}

function planVolume(mount: MountRequest, common: { destination: string; readonly: boolean }, bad: Bad): MountPlan {
  const options = mount.VolumeOptions ?? {}
  const source = mount.Source ?? ''
  if (source) checkVolumeName(source)
  if (!source && options.Subpath) throw bad('must not set Subpath when using anonymous volumes')
  return basePlan({
    type: 'volume',
    source,
    ...common,
    anonymous: source === '',
    noCopy: options.NoCopy ?? false,
    subpath: checkSubpath(options.Subpath ?? '', bad),
    labels: options.Labels ?? {},
    driver: options.DriverConfig?.Name ?? '',
    driverOptions: options.DriverConfig?.Options ?? {},
    mode: 'z',
  })
}

function checkSubpath(subpath: string, bad: Bad): string {
  if (subpath.startsWith('/')) throw bad(`subpath must be a relative path within the volume: ${subpath}`)
  if (subpath.split('/').includes('..')) throw bad(`subpath must be a relative path within the volume: ${subpath}`)
  return subpath
}

function tmpfsOptions(mount: MountRequest, bad: Bad): string[] {
  const options = mount.TmpfsOptions ?? {}
  const list: string[] = []
  if (options.SizeBytes) {
    if (options.SizeBytes < 0) throw bad('size must not be negative')
    list.push(`size=${options.SizeBytes}`)
  }
  if (options.Mode) list.push(`mode=${options.Mode.toString(8)}`)
  for (const option of options.Options ?? []) {
    if (option.length > 2 || option.length === 0) throw bad('invalid option array length')
    list.push(option.join('='))
  }
  return list
}
