import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import { parseArgs } from 'node:util'
import type { AddressPool, Manners } from '#engine/networks/index.ts'
import type { TlsOptions } from '#http/index.ts'
import { invalid } from '#lib/errors.ts'

/** What `berth daemon` was asked for; names as dockerd's flags and `daemon.json` keys. */
export interface DaemonOptions {
  hosts: string[]
  dataRoot: string
  execRoot: string
  pidfile: string
  registryMirrors: string[]
  insecureRegistries: string[]
  debug: boolean
  tls?: TlsOptions
  /** Interface of the default network; `berth0` for the default data root. */
  bridge?: string
  /** Subnet of the default network in CIDR, with the gateway's address (`172.17.0.1/16`). */
  bip?: string
  /** Where the subnets of new networks are taken from. */
  addressPools: AddressPool[]
  /** Bytes; of networks that say nothing themselves. */
  mtu?: number
  /** Resolvers of containers that name none; the host's if empty. */
  dns: string[]
  dnsSearch: string[]
  dnsOptions: string[]
  /** Host address for ports that are published without one on the default network. */
  ip?: string
  /** Whether containers of the default network reach each other. */
  icc: boolean
  /** Whether other firewalls of the host decide about containers' packets, or accept them as with Docker. */
  firewall: Manners
  /** Leaves a host that forwards only because of Berth open between its other networks. */
  ipForwardNoDrop: boolean
  group: string
}

const FLAGS = {
  host: { type: 'string', short: 'H', multiple: true },
  'data-root': { type: 'string', short: 'g' },
  'exec-root': { type: 'string' },
  pidfile: { type: 'string', short: 'p' },
  'config-file': { type: 'string' },
  'registry-mirror': { type: 'string', multiple: true },
  'insecure-registry': { type: 'string', multiple: true },
  debug: { type: 'boolean', short: 'D' },
  tls: { type: 'boolean' },
  tlsverify: { type: 'boolean' },
  tlscacert: { type: 'string' },
  tlscert: { type: 'string' },
  tlskey: { type: 'string' },
  bridge: { type: 'string', short: 'b' },
  bip: { type: 'string' },
  'default-address-pool': { type: 'string', multiple: true },
  mtu: { type: 'string' },
  dns: { type: 'string', multiple: true },
  'dns-search': { type: 'string', multiple: true },
  'dns-opt': { type: 'string', multiple: true },
  ip: { type: 'string' },
  icc: { type: 'string' },
  firewall: { type: 'string' },
  'ip-forward-no-drop': { type: 'boolean' },
  group: { type: 'string', short: 'G' },
} as const

/** Keys of `daemon.json` that mean the same as a repeatable flag. */
const PLURALS: Record<string, keyof typeof FLAGS> = {
  hosts: 'host',
  'registry-mirrors': 'registry-mirror',
  'insecure-registries': 'insecure-registry',
  'default-address-pools': 'default-address-pool',
  'dns-opts': 'dns-opt',
}

/** Keys of dockerd's file that ask for what Berth always does. */
const ACCEPTED = new Set(['live-restore', 'storage-driver'])

/** @throws invalid naming the flag or the configuration key */
export function parseDaemonOptions(argv: string[]): DaemonOptions {
  let values: ReturnType<typeof parse>
  try {
    values = parse(argv)
  } catch (cause) {
    throw invalid(`bad daemon flags: ${(cause as Error).message}`, { cause })
  }
  const merged: Record<string, unknown> = { ...values }
  const file = values['config-file'] ?? '/etc/berth/daemon.json'
  for (const [key, value] of Object.entries(readConfig(file, values['config-file'] !== undefined))) {
    const flag = PLURALS[key] ?? key
    if (merged[flag] !== undefined && JSON.stringify(merged[flag]) !== JSON.stringify(value)) {
      throw invalid(`the option ${flag} is given both as a flag and in ${file}: keep one`)
    }
    merged[flag] = value
  }
  const text = (key: string): string | undefined => {
    const value = merged[key]
    if (value === undefined) return undefined
    if (typeof value !== 'string' && typeof value !== 'number')
      throw invalid(`option ${key} in ${file} must be a string`)
    return String(value)
  }
  const list = (key: string): string[] => {
    const value = merged[key] ?? []
    if (!Array.isArray(value) || value.some(item => typeof item !== 'string')) {
      throw invalid(`option ${key} in ${file} must be a list of strings`)
    }
    return value as string[]
  }
  const execRoot = text('exec-root') ?? '/run/berth'
  return {
    hosts: list('host').length > 0 ? list('host') : ['unix:///run/berth.sock'],
    dataRoot: text('data-root') ?? '/var/lib/berth',
    execRoot,
    pidfile: text('pidfile') ?? `${execRoot}/berth.pid`,
    registryMirrors: list('registry-mirror'),
    insecureRegistries: list('insecure-registry'),
    debug: merged['debug'] === true,
    tls:
      merged['tls'] === true || merged['tlsverify'] === true
        ? {
            verify: merged['tlsverify'] === true,
            ca: text('tlscacert'),
            cert: text('tlscert'),
            key: text('tlskey'),
          }
        : undefined,
    bridge: text('bridge'),
    bip: text('bip'),
    addressPools: poolsOf(merged['default-address-pool']),
    mtu: mtuOf(text('mtu')),
    dns: addressesOf('dns', list('dns')),
    dnsSearch: list('dns-search'),
    dnsOptions: list('dns-opt'),
    ip: addressesOf(
      'ip',
      [text('ip')].filter(one => one !== undefined),
    )[0],
    icc: booleanOf('icc', merged['icc']),
    firewall: mannersOf(text('firewall')),
    ipForwardNoDrop: merged['ip-forward-no-drop'] === true,
    group: text('group') ?? 'docker',
  }
}

function mannersOf(text = 'host'): Manners {
  if (text !== 'host' && text !== 'docker') throw invalid(`invalid option firewall "${text}": use host or docker`)
  return text
}

/** `base=10.0.0.0/8,size=24` on the command line, `{"base": …, "size": …}` in the file. */
function poolsOf(value: unknown): AddressPool[] {
  if (value === undefined) return []
  if (!Array.isArray(value))
    throw invalid('option default-address-pools must be a list of {"base": CIDR, "size": bits}')
  return value.map((entry: unknown) => {
    const fields: Record<string, unknown> =
      typeof entry === 'string'
        ? Object.fromEntries(entry.split(',').map(part => part.split('=', 2)))
        : ((entry ?? {}) as Record<string, unknown>)
    const [base, size] = [String(fields['base'] ?? ''), Number(fields['size'])]
    const [address = '', bits = ''] = base.split('/')
    const prefix = Number(bits)
    if (!isIPv4(address) || !/^\d+$/.test(bits) || prefix > 32) {
      throw invalid(
        `invalid default address pool ${JSON.stringify(entry)}: base must be an IPv4 subnet such as 10.0.0.0/8`,
      )
    }
    if (!Number.isInteger(size) || size < prefix || size > 30) {
      throw invalid(`invalid default address pool ${JSON.stringify(entry)}: size must be ${prefix} to 30`)
    }
    return { base, size }
  })
}

function mtuOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const mtu = Number(text)
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) throw invalid(`invalid mtu ${text}: give bytes, 68 to 65535`)
  return mtu
}

function addressesOf(name: string, values: string[]): string[] {
  for (const value of values) if (isIP(value) === 0) throw invalid(`invalid ${name} ${value}: it must be an IP address`)
  return values
}

function booleanOf(name: string, value: unknown): boolean {
  if (value === undefined || value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw invalid(`invalid ${name} ${JSON.stringify(value)}: it must be true or false`)
}

function parse(argv: string[]) {
  return parseArgs({ args: argv, options: FLAGS, strict: true, allowPositionals: false }).values
}

function readConfig(path: string, required: boolean): Record<string, unknown> {
  let raw: string
  try {
    raw = readFileSync(path, 'utf8')
  } catch (cause) {
    if (!required && (cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw invalid(`cannot read the configuration file ${path}`, { cause })
  }
  let document: unknown
  try {
    document = JSON.parse(raw)
  } catch (cause) {
    throw invalid(`the configuration file ${path} is not JSON`, { cause })
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw invalid(`the configuration file ${path} must hold a JSON object`)
  }
  const known = new Set<string>([...Object.keys(FLAGS), ...Object.keys(PLURALS)])
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(document)) {
    if (ACCEPTED.has(key)) continue
    if (!known.has(key)) throw invalid(`the configuration file ${path} has an unknown key ${key}`)
    result[key] = value
  }
  return result
}
