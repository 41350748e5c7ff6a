import { homedir } from 'node:os'
import { BerthError, invalid } from '#lib/errors.ts'
import { describeSshHost, parseSshHost, type SshEndpoint } from './ssh.ts'

export const DEFAULT_SOCKET = '/run/berth.sock'

/** Where an Engine API listens. */
export type Endpoint =
  | { kind: 'unix'; path: string }
  | { kind: 'tcp'; host: string; port: number; basePath: string; tls?: TlsMaterial }
  | SshEndpoint

export interface TlsMaterial {
  ca?: Buffer
  cert?: Buffer
  key?: Buffer
  /** False accepts any server certificate (`--tls` without `--tlsverify`). */
  verify: boolean
}

/** Paths as given on the command line; empty ones fall back to `<certDirectory>/{ca,cert,key}.pem` when they exist. */
export interface TlsFiles {
  verify: boolean
  ca?: string
  cert?: string
  key?: string
  certDirectory?: string
}

/**
 * `unix:///path`, `tcp://host:port`, `http(s)://host:port`, `ssh://[user@]host[:port][/socket]` or `fd://`-less bare path, as Docker's `-H`.
 * @throws invalid for an unknown scheme, and when a TLS file cannot be read
 */
export function parseHost(host: string, tls?: TlsFiles): Endpoint {
  if (host.startsWith('unix://')) return { kind: 'unix', path: host.slice('unix://'.length) || DEFAULT_SOCKET }
  if (host.startsWith('/')) return { kind: 'unix', path: host }
  if (host.startsWith('ssh://')) return parseSshHost(host)
  const match = /^(tcp|http|https):\/\/(\[[^\]]+\]|[^:/]+)?(?::(\d+))?(\/.*)?$/.exec(host)
  if (!match) {
    throw invalid(`unable to parse docker host \`${host}\`: write unix:///path, tcp://host:port or ssh://user@host`)
  }
  const [, scheme, name, port, path] = match
  const secure = tls !== undefined || scheme === 'https'
  const endpoint: Endpoint = {
    kind: 'tcp',
    host: (name ?? '127.0.0.1').replace(/^\[|\]$/g, ''),
    port: port ? Number(port) : secure ? 2376 : 2375,
    basePath: (path ?? '').replace(/\/+$/, ''),
  }
  if (secure) endpoint.tls = readTls(tls ?? { verify: true })
  return endpoint
}

/** The address as people write it, for messages. */
export function describeEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`
  if (endpoint.kind === 'ssh') return describeSshHost(endpoint)
  return `${endpoint.tls ? 'https' : 'tcp'}://${endpoint.host}:${endpoint.port}`
}

function readTls(files: TlsFiles): TlsMaterial {
  const { readFileSync } = process.getBuiltinModule('node:fs')
  const directory = files.certDirectory ?? `${homedir()}/.docker`
  const read = (path: string | undefined, fallback: string): Buffer | undefined => {
    try {
      return readFileSync(path ?? `${directory}/${fallback}`)
    } catch (cause) {
      if (path === undefined) return undefined
      throw new BerthError('invalid', `could not read the TLS file ${path}`, { cause })
    }
  }
  return {
    verify: files.verify,
    ca: read(files.ca, 'ca.pem'),
    cert: read(files.cert, 'cert.pem'),
    key: read(files.key, 'key.pem'),
  }
}
