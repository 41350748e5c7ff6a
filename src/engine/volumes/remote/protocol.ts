import { BerthError, system } from '#lib/errors.ts'

type Json = Record<string, unknown>

/** What a plugin says of one of its volumes (`VolumeDriver.Get`, `VolumeDriver.List`). */
export interface RemoteVolume {
  name: string
  /** '' while it is not mounted, for many plugins. */
  mountpoint: string
  /** RFC 3339; '' if the plugin does not say. */
  createdAt: string
  status: Json | undefined
}

const isObject = (value: unknown): value is Json => value !== null && typeof value === 'object' && !Array.isArray(value)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** @throws system naming the plugin and what of its answer is wrong */
export function readVolume(plugin: string, answer: Json): RemoteVolume {
  const volume = answer['Volume']
  if (!isObject(volume)) throw wrong(plugin, 'Get', 'it has no Volume')
  return oneVolume(plugin, 'Get', volume)
}

/** @throws system naming the plugin and what of its answer is wrong */
export function readList(plugin: string, answer: Json): RemoteVolume[] {
  const volumes = answer['Volumes'] ?? []
  if (!Array.isArray(volumes)) throw wrong(plugin, 'List', 'Volumes is no list')
  return volumes.map((volume: unknown) => {
    if (!isObject(volume)) throw wrong(plugin, 'List', 'one of the volumes is no object')
    return oneVolume(plugin, 'List', volume)
  })
}

/** @throws system naming the plugin and what of its answer is wrong */
export function readMountpoint(plugin: string, method: 'Mount' | 'Path', answer: Json): string {
  const path = answer['Mountpoint']
  if (path === undefined || path === null || path === '') return ''
  if (typeof path !== 'string') throw wrong(plugin, method, 'Mountpoint is no text')
  return checkedPath(plugin, method, path)
}

/** `global` only if it says so: anything else is a volume of this host. */
export function readScope(answer: Json): 'local' | 'global' {
  const capabilities = answer['Capabilities']
  return isObject(capabilities) && textOf(capabilities['Scope']).toLowerCase() === 'global' ? 'global' : 'local'
}

function oneVolume(plugin: string, method: string, volume: Json): RemoteVolume {
  const name = textOf(volume['Name'])
  if (name === '') throw wrong(plugin, method, 'a volume has no Name')
  const { Mountpoint, Status } = volume
  return {
    name,
    mountpoint: textOf(Mountpoint).startsWith('/') ? textOf(Mountpoint) : '',
    createdAt: textOf(volume['CreatedAt']),
    status: isObject(Status) && Object.keys(Status).length > 0 ? Status : undefined,
  }
}

/** A directory that containers are given: said plainly, or not at all. */
function checkedPath(plugin: string, method: string, path: string): string {
  const shown = JSON.stringify(path)
  if (!path.startsWith('/')) throw wrong(plugin, method, `mountpoint ${shown} is not absolute`)
  if (path.split('/').includes('..')) throw wrong(plugin, method, `mountpoint ${shown} has ".." in it`)
  if (path.includes('\0') || path.length > 4095) throw wrong(plugin, method, `mountpoint ${shown} is no path`)
  const clean = `/${path
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/')}`
  if (clean === '/') throw wrong(plugin, method, 'the mountpoint is the host’s root')
  return clean
}

const wrong = (plugin: string, method: string, why: string) =>
  system(`plugin "${plugin}" answers VolumeDriver.${method} wrongly: ${why}`)

/** Docker's words: what the plugin said, behind the name of the method; other errors say what they are about themselves. */
export function reworded(error: unknown, prefix: string, method: string): BerthError {
  const reason = error instanceof BerthError ? error.details['reason'] : undefined
  const kind = error instanceof BerthError ? error.kind : 'system'
  const words = typeof reason === 'string' ? `VolumeDriver.${method}: ${reason}` : String((error as Error).message)
  return new BerthError(kind, `${prefix}: ${words}`, { cause: error })
}
