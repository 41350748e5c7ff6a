import { invalid } from '#lib/errors.ts'
import type { MountPlan } from '#model/container.ts'
import { cleanPath } from './paths.ts'

export const PROPAGATIONS = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']

/** @throws invalid in Docker's words for a name that no volume can have */
export function checkVolumeName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return
  throw invalid(
    `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  )
}

/** @throws invalid for owners mapped on a mount that is to follow its source's later mounts, which have others */
export function checkIdMapAlone({ idmap, propagation }: Pick<MountPlan, 'idmap' | 'propagation'>): void {
  if (idmap !== undefined && /shared|slave/.test(propagation))
    throw invalid(`idmap and the propagation ${propagation} exclude each other: leave one out`)
}

/** Everything a plan has unless said otherwise. */
export function basePlan(part: Pick<MountPlan, 'type' | 'source' | 'destination'> & Partial<MountPlan>): MountPlan {
  return {
    readonly: false,
    propagation: '',
    recursive: true,
    subpath: '',
    options: [],
    createSource: false,
    noCopy: false,
    anonymous: false,
    mode: '',
    driver: '',
    driverOptions: {},
    labels: {},
    ...part,
  }
}

/** Cleaned. @throws invalid when relative, or `/` */
export function checkDestination(path: string, spec: string): string {
  if (!path.startsWith('/')) throw invalid(`invalid volume specification: '${spec}': mount path must be absolute`)
  const clean = cleanPath(path)
  if (clean === '/') throw invalid(`invalid volume specification: '${spec}': destination can't be '/'`)
  return clean
}
