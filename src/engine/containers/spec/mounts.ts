import { invalid } from '#lib/errors.ts'
import type { OciMount } from '#model/oci.ts'
import type { ResolvedMount, SpecInput } from './input.ts'
import { parseIpcMode } from './modes.ts'

const DEFAULT_SHM = 64 * 1024 * 1024
const INIT = '/sbin/docker-init'

/** Everything mounted in the container: the kernel's filesystems, Berth's files, then what the user asked for. */
export function ociMounts(input: SpecInput): OciMount[] {
  const taken = new Set(input.mounts.map(mount => mount.plan.destination))
  const own = [...kernelMounts(input), ...etcFiles(input)].filter(mount => !taken.has(mount.destination))
  const all = [...own, ...input.mounts.map(mount => userMount(mount, input))]
  if (input.initPath) {
    all.push({ destination: INIT, type: 'bind', source: input.initPath, options: ['bind', 'ro', 'rprivate'] })
  }
  return all
}

export { INIT }

/** Propagation of the root: what the most open mount needs. */
export function rootPropagation(mounts: readonly ResolvedMount[]): string {
  const used = mounts.map(mount => mount.plan.propagation)
  if (used.some(propagation => propagation.endsWith('shared'))) return 'shared'
  if (used.some(propagation => propagation.endsWith('slave'))) return 'rslave'
  return 'rprivate'
}

function kernelMounts(input: SpecInput): OciMount[] {
  const { hostConfig } = input.record
  const sys = hostConfig.Privileged ? 'rw' : 'ro'
  const mounts: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', sys] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', sys],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  ]
  const shm = sharedMemory(input)
  return shm ? [...mounts, shm] : mounts
}

function sharedMemory(input: SpecInput): OciMount | undefined {
  const { hostConfig } = input.record
  const mode = parseIpcMode(hostConfig.IpcMode ?? '')
  const bind = (source: string): OciMount => ({
    destination: '/dev/shm',
    type: 'bind',
    source,
    options: ['rbind', 'rprivate'],
  })
  if (mode.kind === 'none') return undefined
  if (mode.kind === 'host') return bind('/dev/shm')
  if (input.joined.shm) return bind(input.joined.shm)
  const size = hostConfig.ShmSize > 0 ? hostConfig.ShmSize : DEFAULT_SHM
  const options = ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${size}`]
  return { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options }
}

function etcFiles(input: SpecInput): OciMount[] {
  const access = input.record.hostConfig.ReadonlyRootfs ? ['ro'] : []
  const file = (destination: string, source: string): OciMount => ({
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', ...access],
  })
  return [
    file('/etc/resolv.conf', input.files.resolvConf),
    file('/etc/hostname', input.files.hostname),
    file('/etc/hosts', input.files.hosts),
  ]
}

function userMount({ plan, source, directory = true, restrictions }: ResolvedMount, input: SpecInput): OciMount {
  if (plan.type === 'tmpfs') {
    const flags = overrideFlags(['noexec', 'nosuid', 'nodev'], plan.options)
    const readonly = plan.readonly && !flags.includes('ro') ? ['ro'] : []
    return { destination: plan.destination, type: 'tmpfs', source: 'tmpfs', options: [...flags, ...readonly] }
  }
  const readonly = plan.readonly || plan.type === 'image'
  // crun opens the target of `rro` as a directory, and a file has nothing below it.
  const able = kernelAtLeast(input.facts.kernelVersion, 5, 12)
  if (readonly && plan.readonlyDepth === 'force' && !able)
    throw invalid(`mount ${plan.destination} cannot be made read-only with what is mounted below: needs Linux 5.12`)
  const deep = directory && plan.recursive && plan.readonlyDepth !== 'top' && able
  return {
    destination: plan.destination,
    type: 'bind',
    source,
    options: [
      plan.recursive ? 'rbind' : 'bind',
      plan.propagation || 'rprivate',
      ...(readonly ? [deep ? 'rro' : 'ro'] : []),
      ...(restrictions ?? []).filter(word => word !== 'ro' || !readonly),
    ],
  }
}

/** `exec` takes the place of `noexec`, and so on. */
function overrideFlags(defaults: string[], given: string[]): string[] {
  const opposite = (flag: string) => (flag.startsWith('no') ? flag.slice(2) : `no${flag}`)
  return [...defaults.filter(flag => !given.includes(flag) && !given.includes(opposite(flag))), ...given]
}

function kernelAtLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(part => Number.parseInt(part, 10))
  return a > major || (a === major && b >= minor)
}
