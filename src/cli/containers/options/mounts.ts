import { resolve } from 'node:path'
import type { MountRequest } from '#wire/index.ts'
import { parseBoolean, parseBytes, parseCsv } from '../../core/values.ts'

export function checkMount(text: string): string {
  parseMount(text)
  return text
}

type Setter = (mount: MountRequest, value: string) => void

const flag = (value: string, key: string): boolean => {
  try {
    return value === '' || parseBoolean(value)
  } catch {
    throw new Error(`invalid value for ${key}: ${value}`)
  }
}

const volumeOptions = (mount: MountRequest) => (mount.VolumeOptions ??= {})
const bindOptions = (mount: MountRequest) => (mount.BindOptions ??= {})
const tmpfsOptions = (mount: MountRequest) => (mount.TmpfsOptions ??= {})

function pair(value: string): [string, string] {
  const at = value.indexOf('=')
  return at < 0 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)]
}

const target: Setter = (mount, value) => (mount.Target = value)
const source: Setter = (mount, value) => {
  // `.` and `./x` are paths of this machine.
  mount.Source = /^\.{1,2}(\/|$)/.test(value) ? resolve(value) : value
}
const readonly: Setter = (mount, value) => (mount.ReadOnly = flag(value, 'readonly'))

const SETTERS: Readonly<Record<string, Setter>> = {
  type: (mount, value) => (mount.Type = value.toLowerCase() as MountRequest['Type']),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly,
  ro: readonly,
  consistency: (mount, value) => (mount.Consistency = value.toLowerCase()),
  'bind-propagation': (mount, value) => (bindOptions(mount).Propagation = value.toLowerCase()),
  'bind-nonrecursive': (mount, value) => (bindOptions(mount).NonRecursive = flag(value, 'bind-nonrecursive')),
  'bind-create-src': (mount, value) => (bindOptions(mount).CreateMountpoint = flag(value, 'bind-create-src')),
  'bind-recursive': (mount, value) => {
    const bind = bindOptions(mount)
    if (value === 'disabled') bind.NonRecursive = true
    else if (value === 'writable') bind.ReadOnlyNonRecursive = true
    else if (value === 'readonly') bind.ReadOnlyForceRecursive = true
    else if (value !== 'enabled') {
      throw new Error(
        `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      )
    }
  },
  // Berth's own.
  'bind-idmap': (mount, value) => (bindOptions(mount).IdMap = value),
  'bind-require-mountpoint': (mount, value) =>
    (bindOptions(mount).RequireMountpoint = flag(value, 'bind-require-mountpoint')),
  'volume-subpath': (mount, value) => (volumeOptions(mount).Subpath = value),
  'volume-nocopy': (mount, value) => (volumeOptions(mount).NoCopy = flag(value, 'volume-nocopy')),
  'volume-label': (mount, value) => {
    const [key, text] = pair(value)
    ;(volumeOptions(mount).Labels ??= {})[key] = text
  },
  'volume-driver': (mount, value) => ((volumeOptions(mount).DriverConfig ??= {}).Name = value),
  'volume-opt': (mount, value) => {
    const [key, text] = pair(value)
    ;((volumeOptions(mount).DriverConfig ??= {}).Options ??= {})[key] = text
  },
  'image-subpath': (mount, value) => (mount.ImageOptions = { Subpath: value }),
  'tmpfs-size': (mount, value) => {
    try {
      tmpfsOptions(mount).SizeBytes = parseBytes(value)
    } catch {
      throw new Error(`invalid value for tmpfs-size: ${value}`)
    }
  },
  'tmpfs-mode': (mount, value) => {
    if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`)
    tmpfsOptions(mount).Mode = Number.parseInt(value, 8)
  },
}

const BARE = new Set([
  'readonly',
  'ro',
  'volume-nocopy',
  'bind-nonrecursive',
  'bind-create-src',
  'bind-idmap',
  'bind-require-mountpoint',
])

/** `type=bind,source=/a,target=/b,readonly`. @throws with Docker's words */
export function parseMount(text: string): MountRequest {
  const mount: MountRequest = { Type: 'volume', Target: '' }
  for (const field of parseCsv(text)) {
    const at = field.indexOf('=')
    const key = (at < 0 ? field : field.slice(0, at)).toLowerCase().trim()
    if (at < 0 && !BARE.has(key)) throw new Error(`invalid field '${field}' must be a key=value pair`)
    const set = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined
    if (!set) throw new Error(`unexpected key '${key}' in '${field}'`)
    set(mount, at < 0 ? '' : field.slice(at + 1))
  }
  if (mount.Target === '') throw new Error('target is required')
  const mixed: [unknown, string, string][] = [
    [mount.VolumeOptions, 'volume', 'volume-*'],
    [mount.ImageOptions, 'image', 'image-*'],
    [mount.BindOptions, 'bind', 'bind-*'],
    [mount.TmpfsOptions, 'tmpfs', 'tmpfs-*'],
  ]
  for (const [options, type, keys] of mixed) {
    if (options && mount.Type !== type) throw new Error(`cannot mix '${keys}' options with mount type '${mount.Type}'`)
  }
  if (mount.BindOptions?.ReadOnlyForceRecursive && !mount.ReadOnly) {
    throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction")
  }
  if (mount.BindOptions?.ReadOnlyForceRecursive && mount.BindOptions.Propagation !== 'rprivate') {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    )
  }
  return mount
}

/** `-v` values: those with a source are binds, a lone path is an anonymous volume. */
export function parseVolumes(values: readonly string[]): {
  binds: string[]
  volumes: Record<string, Record<string, never>>
} {
  const binds: string[] = []
  const volumes: Record<string, Record<string, never>> = {}
  for (const value of values) {
    const colon = value.indexOf(':')
    if (colon < 0) {
      volumes[value] = {}
      continue
    }
    const source = value.slice(0, colon)
    const isPath = /^[.~]/.test(source) && source !== ''
    binds.push(isPath ? resolve(source.replace(/^~(?=\/|$)/, process.env['HOME'] ?? '~')) + value.slice(colon) : value)
  }
  return { binds, volumes }
}
