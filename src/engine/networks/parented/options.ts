import { invalid } from '#lib/errors.ts'
import type { ChildSpec } from '#ports/links.ts'

export type ParentedKind = 'macvlan' | 'ipvlan'

/** Options of the macvlan and ipvlan drivers, read once. */
export interface ParentedOptions {
  /** Interface of the host; '' for one of our own that leads nowhere. */
  parent: string
  child: ChildSpec['kind']
  /** Host and containers reach each other. */
  hostAccess: boolean
  /** Bytes; undefined: the parent's. */
  mtu: number | undefined
}

const MODES = {
  macvlan: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan: ['l2', 'l3', 'l3s'],
} as const
const FLAGS = ['bridge', 'private', 'vepa'] as const

/** Unknown options are kept and shown, as Docker does. @throws invalid naming option and value */
export function parentedOptions(driver: ParentedKind, options: Readonly<Record<string, string>>): ParentedOptions {
  const parent = options['parent'] ?? ''
  if (parent === 'lo') throw invalid(`loopback interface is not a valid ${driver} parent link`)
  if (parent !== '' && !/^[^\s/:]{1,15}$/.test(parent)) {
    throw invalid(`invalid parent interface "${parent}": it must be 1 to 15 characters without space, slash or colon`)
  }
  const child = childOf(driver, options)
  const hostAccess = flagOf(options, 'host_access')
  if (hostAccess && child.kind === 'macvlan' && child.mode !== 'bridge') {
    throw invalid(`host_access needs macvlan_mode=bridge: in mode ${child.mode} the host cannot reach a container`)
  }
  if (hostAccess && child.kind === 'ipvlan' && child.flag !== 'bridge') {
    throw invalid(`host_access needs ipvlan_flag=bridge: with ${child.flag} the host cannot reach a container`)
  }
  return { parent, child, hostAccess, mtu: mtuOf(options) }
}

function childOf(driver: ParentedKind, options: Readonly<Record<string, string>>): ChildSpec['kind'] {
  const pick = <T extends string>(key: string, among: readonly T[]): T => {
    const text = options[key] || among[0]!
    const found = among.find(one => one === text)
    if (!found) throw invalid(`invalid value for "${key}": "${text}" is none of ${among.join(', ')}`)
    return found
  }
  if (driver === 'macvlan') return { kind: driver, mode: pick('macvlan_mode', MODES.macvlan) }
  return { kind: driver, mode: pick('ipvlan_mode', MODES.ipvlan), flag: pick('ipvlan_flag', FLAGS) }
}

function flagOf(options: Readonly<Record<string, string>>, key: string): boolean {
  const text = (options[key] ?? '').toLowerCase()
  if (['', '0', 'f', 'false'].includes(text)) return false
  if (['1', 't', 'true'].includes(text)) return true
  throw invalid(`invalid value for "${key}": "${options[key]}" is not a boolean`)
}

function mtuOf(options: Readonly<Record<string, string>>): number | undefined {
  const text = options['com.docker.network.driver.mtu'] ?? ''
  const mtu = text === '' ? 0 : Number(text)
  if (!(Number.isInteger(mtu) && mtu >= 0 && mtu <= 65_535)) {
    throw invalid(`invalid value for 'com.docker.network.driver.mtu': "${text}" is not a number of bytes up to 65535`)
  }
  return mtu === 0 ? undefined : mtu
}
