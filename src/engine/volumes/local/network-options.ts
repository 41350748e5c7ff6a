import { invalid } from '#lib/errors.ts'
import type { Device } from './options.ts'
import { isNetwork } from './options.ts'

/** A network file system as mount(2) is asked for it; the ways to try, in order. */
export interface NetworkMount {
  /** Name or address as it was written. */
  server: string
  /** Path of the export, or name of the share. */
  path: string
  port: number
  kind: 'nfs' | 'cifs'
  device: Device
}

const PORTS = { nfs: 2049, cifs: 445 }

/** What the words say of where the data is. @throws invalid when no server is named */
export function networkMount(device: Device): NetworkMount | undefined {
  if (!isNetwork(device.type)) return undefined
  const kind = device.type.startsWith('nfs') ? 'nfs' : 'cifs'
  const { server: inDevice, path } = kind === 'nfs' ? nfsPlace(device.device) : cifsPlace(device.device)
  const server = valueOf(device.options, 'addr') ?? valueOf(device.options, 'ip') ?? inDevice
  if (server === '') {
    const words = kind === 'nfs' ? 'o=addr=SERVER, or device=SERVER:/path' : 'device=//SERVER/share'
    throw invalid(`no server is named for ${device.device}: add ${words}`)
  }
  const port = Number(valueOf(device.options, 'port') ?? PORTS[kind])
  return { server, path, port, kind, device }
}

/** `SERVER:/path`, `[v6]:/path`, and Docker's `:/path` with the server in `addr=`. */
function nfsPlace(device: string): { server: string; path: string } {
  const match = /^(?:\[([^\]]+)\]|([^/:]*)):(\/.*)$/.exec(device)
  if (match) return { server: match[1] ?? match[2] ?? '', path: match[3]! }
  return { server: '', path: device.startsWith('/') ? device : `/${device.replace(/^:/, '')}` }
}

/** `//server/share` or `\\server\share`, with a path below the share perhaps. */
function cifsPlace(device: string): { server: string; path: string } {
  const match = /^\/\/([^/]+)\/(.+)$/.exec(device.replaceAll('\\', '/'))
  if (!match) throw invalid(`${device} is no share: write it as //SERVER/SHARE`)
  return { server: match[1]!, path: match[2]!.replace(/\/+$/, '') }
}

export function valueOf(options: readonly string[], ...keys: string[]): string | undefined {
  for (const key of keys) {
    const found = options.findLast(option => option.startsWith(`${key}=`))
    if (found) return found.slice(key.length + 1)
  }
  return undefined
}

/** One call of mount(2). */
export interface MountTry {
  type: string
  source: string
  options: string[]
}

/** Words for the helpers of mount(8) alone. */
const HELPERS = /^(bg|fg|retry=.*|sloppy|credentials=.*|cred=.*|guest-helper)$/

/** What was found out beside the words: all that mount.nfs(8) and mount.cifs(8) find out. */
export interface NetworkFacts {
  /** Of the server. */
  address: string
  /** Of this host, as the server sees it; '' when unknown. */
  ownAddress: string
  /** Lines of the credentials file, if one is named. */
  credentials: string
}

export function mountTries(mount: NetworkMount, facts: NetworkFacts): MountTry[] {
  return mount.kind === 'nfs' ? nfsTries(mount, facts) : cifsTries(mount, facts)
}

/** Versions are negotiated as mount.nfs(8) does it: the newest first, unless one is asked for. */
function nfsTries({ device }: NetworkMount, { address, ownAddress }: NetworkFacts): MountTry[] {
  const own = device.options.filter(option => !HELPERS.test(option) && !/^(addr|ip|clientaddr)=/.test(option))
  const asked = valueOf(own, 'nfsvers', 'vers') ?? own.find(option => /^v[234](\.\d)?$/.test(option))?.slice(1)
  const clientAddress = valueOf(device.options, 'clientaddr') ?? ownAddress
  const forVersion = (version: string, options: string[]): MountTry => {
    const isFour = version.startsWith('4')
    const client = isFour && clientAddress !== '' ? [`clientaddr=${clientAddress}`] : []
    const type = device.type === 'nfs4' && !isFour ? 'nfs' : device.type
    return { type, source: device.device, options: [...options, `addr=${address}`, ...client] }
  }
  if (asked !== undefined) return [forVersion(asked, own)]
  const versions = device.type === 'nfs4' ? ['4.2', '4.1', '4.0'] : ['4.2', '4.1', '4.0', '3']
  return versions.map(version => forVersion(version, [...own, `vers=${version}`]))
}

/** The kernel wants the address, the share in its own spelling, and the password itself. */
function cifsTries({ device, server, path }: NetworkMount, { address, credentials }: NetworkFacts): MountTry[] {
  const own = device.options.filter(option => !HELPERS.test(option) && !/^(addr|ip|unc|prefixpath)=/.test(option))
  const [share = '', ...below] = path.split('/')
  // Written by name even when an address is known: the server may go by it.
  const named = /^\/\/([^/]+)\//.exec(device.device.replaceAll('\\', '/'))?.[1] ?? server
  const options = [
    ...own,
    ...parseCredentials(credentials),
    `ip=${address}`,
    `unc=\\\\${named}\\${share}`,
    ...(below.length > 0 ? [`prefixpath=${below.join('/')}`] : []),
  ]
  return [{ type: device.type, source: `//${named}/${path}`, options }]
}

/** mount.cifs(8): `username=`, `password=` and `domain=` lines; a comma in a value is written twice for the kernel. */
export function parseCredentials(text: string): string[] {
  const words: string[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*(user(?:name)?|pass(?:word)?|dom(?:ain)?|workgroup)\s*=(.*?)\r?$/i.exec(line)
    if (!match) continue
    const key = match[1]!.toLowerCase()
    const name = key.startsWith('user') ? 'username' : key.startsWith('pass') ? 'password' : 'domain'
    // A password may begin and end with blanks, a name may not.
    const value = name === 'password' ? match[2]! : match[2]!.trim()
    words.push(`${name}=${value.replaceAll(',', ',,')}`)
  }
  return words
}

/** What the kernel cannot do without a program beside it. */
export function neededHelper(mount: NetworkMount, tried: MountTry): { file: string; words: string } | undefined {
  const sec = valueOf(mount.device.options, 'sec') ?? ''
  if (sec.startsWith('krb5') && mount.kind === 'nfs')
    return {
      file: '/run/rpc_pipefs',
      words: `sec=${sec} needs rpc.gssd, which does not run: install nfs-common and start it`,
    }
  if (sec.startsWith('krb5'))
    return { file: '/usr/sbin/cifs.upcall', words: `missing helper: sec=${sec} needs cifs.upcall: install cifs-utils` }
  const version = valueOf(tried.options, 'nfsvers', 'vers') ?? ''
  const unlocked = tried.options.some(option => /^(nolock|local_lock=(all|flock|posix))$/.test(option))
  if (mount.kind === 'nfs' && version.startsWith('3') && !unlocked)
    return {
      file: '/run/rpc.statd.pid',
      words:
        'missing helper: locks of NFS 3 need rpc.statd, which does not run: install nfs-common and start it, or add nolock',
    }
  return undefined
}
