import { invalid } from '#lib/errors.ts'
import type { ContainerConfig, HostConfig } from '#model/config.ts'
import type { MountPlan, MountPoint } from '#model/container.ts'
import { basePlan, checkDestination } from './mount-plan.ts'
import { parseBind } from './parse-bind.ts'
import { planMountRequest } from './plan-mount-request.ts'

/** Mounts of another container and how this one wants them (`--volumes-from ID[:ro]`). */
export interface Inherited {
  plan: MountPlan[]
  readonly?: boolean
}

/**
 * All mounts that a container asks for, in order of destination, each destination once. What the user names wins over
 * `--volumes-from`, which wins over the image's VOLUME lines.
 * @throws invalid in Docker's words
 */
export function planMounts(config: ContainerConfig, host: HostConfig, inherited: Inherited[]): MountPlan[] {
  const named = new Map<string, MountPlan>()
  const add = (plan: MountPlan) => {
    if (named.has(plan.destination)) throw invalid(`Duplicate mount point: ${plan.destination}`)
    named.set(plan.destination, plan)
  }
  for (const bind of host.Binds ?? []) add(parseBind(bind, host.VolumeDriver))
  for (const mount of host.Mounts ?? []) add(planMountRequest(mount))
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) add(planTmpfs(path, options))

  const all = new Map<string, MountPlan>()
  for (const { plan, readonly } of inherited) {
    for (const mount of plan) all.set(mount.destination, readonly ? { ...mount, readonly: true } : mount)
  }
  for (const plan of named.values()) all.set(plan.destination, plan)
  for (const path of Object.keys(config.Volumes ?? {})) {
    const destination = checkDestination(path, path)
    if (all.has(destination)) continue
    all.set(
      destination,
      basePlan({ type: 'volume', source: '', destination, anonymous: true, driver: host.VolumeDriver ?? '' }),
    )
  }
  return Array.from(all.values()).sort((a, b) => depth(a) - depth(b) || (a.destination < b.destination ? -1 : 1))
}

/** What inspect shows of a plan, `source` being where it is on the host. */
export function mountPointOf(plan: MountPlan, source: string): MountPoint {
  return {
    Type: plan.type,
    ...(plan.type === 'volume' ? { Name: plan.source } : {}),
    Source: source,
    Destination: plan.destination,
    ...(plan.type === 'volume' ? { Driver: plan.driver || 'local' } : {}),
    Mode: plan.mode,
    RW: !plan.readonly && plan.type !== 'image',
    Propagation: plan.type === 'bind' ? plan.propagation || 'rprivate' : '',
  }
}

function planTmpfs(path: string, options: string): MountPlan {
  const list = options === '' ? [] : options.split(',')
  return basePlan({
    type: 'tmpfs',
    source: '',
    destination: checkDestination(path, path),
    options: list,
    readonly: list.includes('ro'),
    mode: options,
  })
}

function depth(plan: MountPlan): number {
  return plan.destination.split('/').length
}
