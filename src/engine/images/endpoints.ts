import { invalid } from '#lib/errors.ts'
import type { RegistryEndpoint } from '#ports/registry.ts'

export interface RegistrySettings {
  mirrors?: readonly string[]
  insecure?: readonly string[]
}

const HUB = 'registry-1.docker.io'

/** Where to ask for a repository's images, best first: mirrors are for Docker Hub and for pulls only. */
export function endpointsFor(domain: string, settings: RegistrySettings, verb: 'pull' | 'push'): RegistryEndpoint[] {
  const plain = (host: string) => ({ host, insecure: isInsecure(host, settings.insecure ?? []) })
  if (domain !== 'docker.io') return [plain(domain)]
  const mirrors = verb === 'pull' ? (settings.mirrors ?? []).map(mirror => mirrorEndpoint(mirror, plain)) : []
  return [...mirrors, plain(HUB)]
}

/** `host:5000` or a URL. @throws invalid for one with a path */
function mirrorEndpoint(text: string, plain: (host: string) => RegistryEndpoint): RegistryEndpoint {
  const match = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(text)
  if (!match) throw invalid(`invalid registry mirror "${text}": give a host or a URL without path`)
  const endpoint = plain(match[2]!)
  return match[1] === 'http' ? { ...endpoint, insecure: true } : endpoint
}

/** Loopback is trusted, as nobody can stand in between. */
export function isInsecure(host: string, insecure: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  const address = ipv4(name)
  if (name === 'localhost' || name === '::1') return true
  if (address !== undefined && address >>> 24 === 127) return true
  return insecure.some(entry => {
    if (entry === host || entry === name) return true
    const [base, length] = entry.split('/')
    const network = length === undefined ? undefined : ipv4(base!)
    if (address === undefined || network === undefined) return false
    const shift = 32 - Number(length)
    return shift >= 32 || address >>> shift === network >>> shift
  })
}

function ipv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number)
  if (!parts || parts.some(part => part > 255)) return undefined
  return parts.reduce((sum, part) => sum * 256 + part, 0) >>> 0
}
