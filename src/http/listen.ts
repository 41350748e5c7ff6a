import { conflict, invalid, system } from '#lib/errors.ts'
import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import type { Server } from 'node:net'

export interface TlsOptions {
  /** Clients must show a certificate signed by `ca`. */
  verify: boolean
  /** Paths of PEM files. */
  ca?: string
  cert?: string
  key?: string
}

export type HostAddress =
  { kind: 'unix'; path: string } | { kind: 'tcp'; host: string; port: number } | { kind: 'fd'; fd: number }

/** Docker's port for TLS, and the one without. */
const TLS_PORT = 2376
const PLAIN_PORT = 2375
/** First descriptor that socket activation passes (sd_listen_fds(3)). */
const FIRST_ACTIVATED = 3

/** `unix:///run/berth.sock`, `tcp://127.0.0.1:2376`, `fd://`. @throws invalid */
export function parseHost(text: string, tls: boolean): HostAddress {
  const match = /^(unix|tcp|fd):\/\/(.*)$/.exec(text)
  if (!match) throw invalid(`invalid host ${JSON.stringify(text)}: write unix:///path or tcp://address:port`)
  const [, scheme, rest = ''] = match
  if (scheme === 'fd') return { kind: 'fd', fd: /^[0-9]+$/.test(rest) ? Number(rest) : FIRST_ACTIVATED }
  if (scheme === 'unix') {
    if (!rest.startsWith('/')) throw invalid(`invalid host ${JSON.stringify(text)}: the socket's path must be absolute`)
    return { kind: 'unix', path: rest }
  }
  const address = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]*))(?::([0-9]{1,5}))?\/?$/.exec(rest)
  const port = address?.[3] === undefined ? (tls ? TLS_PORT : PLAIN_PORT) : Number(address[3])
  if (!address || port > 65_535) throw invalid(`invalid host ${JSON.stringify(text)}: write tcp://address:port`)
  return { kind: 'tcp', host: address[1] ?? (address[2] || '127.0.0.1'), port }
}

/** PEM texts for `https.createServer`. @throws invalid naming the file that cannot be read */
export function readTls(options: TlsOptions): { ca?: Buffer; cert: Buffer; key: Buffer; verify: boolean } {
  const read = (what: string, path: string | undefined): Buffer => {
    if (!path) throw invalid(`TLS needs a ${what}: give --tls${what}`)
    try {
      return readFileSync(path)
    } catch (cause) {
      throw invalid(`cannot read the TLS ${what} ${path}`, { cause })
    }
  }
  return {
    verify: options.verify,
    ca: options.verify || options.ca ? read('cacert', options.ca) : undefined,
    cert: read('cert', options.cert),
    key: read('key', options.key),
  }
}

/** Binds `server`. A socket file that nobody answers on is replaced; one that is answered is a conflict. */
export async function bind(server: Server, address: HostAddress, group: string): Promise<void> {
  if (address.kind === 'unix') await clearStaleSocket(address.path)
  const where = address.kind === 'unix' ? { path: address.path } : address.kind === 'fd' ? { fd: address.fd } : address
  // The file must never be open to everybody, not even between bind and chmod; binding is synchronous.
  const mask = address.kind === 'unix' ? process.umask(0o117) : undefined
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(where, () => {
        server.off('error', reject)
        resolve()
      })
      if (mask !== undefined) process.umask(mask)
    })
  } catch (cause) {
    throw system(`cannot listen on ${describe(address)}`, { cause })
  }
  if (address.kind === 'unix') {
    const gid = groupId(group)
    if (gid !== undefined) chownSync(address.path, process.getuid!(), gid)
    chmodSync(address.path, 0o660)
  }
}

export function describe(address: HostAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  if (address.kind === 'fd') return `fd://${address.fd}`
  return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

async function clearStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) throw conflict(`cannot listen on ${path}: it exists and is not a socket`)
  const answered = await new Promise<boolean>(resolve => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (answered) throw conflict(`cannot listen on ${path}: another daemon answers there`)
  unlinkSync(path)
}

/** From group(5); undefined when there is no such group. */
function groupId(name: string): number | undefined {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const gid = Number(line?.split(':')[2])
  return Number.isInteger(gid) ? gid : undefined
}
