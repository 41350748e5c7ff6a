import { invalid } from '#lib/errors.ts'
import type { OciResources, OciSpec } from '#model/oci.ts'

export type CgroupDevice = NonNullable<OciResources['devices']>[number]
export type DeviceNode = NonNullable<OciSpec['linux']['devices']>[number]

/** A device of the host as a container is to have it. */
export interface ResolvedDevice {
  node: DeviceNode
  access: string
}

const char = (major: number, minor: number | undefined, access: string): CgroupDevice => ({
  allow: true,
  type: 'c',
  major,
  ...(minor === undefined ? {} : { minor }),
  access,
})

/** What every container may do with devices: make any node, use null, zero, full, random, urandom, tty, pts. */
const DEFAULTS: readonly CgroupDevice[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  char(1, 3, 'rwm'),
  char(1, 5, 'rwm'),
  char(1, 7, 'rwm'),
  char(1, 8, 'rwm'),
  char(1, 9, 'rwm'),
  char(5, 0, 'rwm'),
  char(5, 1, 'rwm'),
  char(5, 2, 'rwm'),
  char(136, undefined, 'rwm'),
]

/** The device cgroup of a container. */
export function cgroupDevices(
  privileged: boolean,
  devices: readonly ResolvedDevice[],
  rules: readonly string[],
): CgroupDevice[] {
  if (privileged) return [{ allow: true, access: 'rwm' }]
  const own = devices.map(({ node, access }): CgroupDevice => {
    const numbers = { major: node.major ?? 0, minor: node.minor ?? 0 }
    return { allow: true, type: node.type, ...numbers, access }
  })
  return [{ allow: false, access: 'rwm' }, ...DEFAULTS, ...own, ...rules.map(parseDeviceRule)]
}

/** `c 1:* rwm` (API: `DeviceCgroupRules`). @throws invalid in Docker's words */
export function parseDeviceRule(rule: string): CgroupDevice {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule)
  if (!match) throw invalid(`invalid device cgroup rule format: '${rule}'`)
  const [, type = 'a', major, minor, access = 'rwm'] = match
  return {
    allow: true,
    type,
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  }
}

/** @throws invalid for permissions other than r, w and m */
export function checkDeviceAccess(access: string, path: string): string {
  if (access === '') return 'rwm'
  if (!/^[rwm]{1,3}$/.test(access)) throw invalid(`invalid device mode: ${access} for device ${path}`)
  return access
}
