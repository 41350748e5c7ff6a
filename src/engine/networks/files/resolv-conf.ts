import type { ResolverConfig } from '#ports/host.ts'
import type { SandboxOwner } from '../service.ts'

export const EMBEDDED = '127.0.0.11'

export interface ResolvConf {
  text: string
  /** Whether the sandbox needs the embedded resolver. */
  embedded: boolean
}

type Wishes = Pick<SandboxOwner, 'dns' | 'dnsSearch' | 'dnsOptions'>

/**
 * The container's /etc/resolv.conf.
 * @param kind `named`: on a user-defined network, names are served; `bare`: default bridge or none; `host`: the host's own
 */
export function resolvConf(wishes: Wishes, host: ResolverConfig, kind: 'named' | 'bare' | 'host'): ResolvConf {
  const search = wishes.dnsSearch.length > 0 ? wishes.dnsSearch.filter(domain => domain !== '.') : host.search
  const options = wishes.dnsOptions.length > 0 ? [...wishes.dnsOptions] : [...host.options]
  let servers = wishes.dns.length > 0 ? [...wishes.dns] : [...host.nameservers]
  let embedded = kind === 'named'
  if (kind === 'bare' && wishes.dns.length === 0) {
    // The host's 127.0.0.53 is not the container's. Where the host has no other, the embedded resolver asks it for us.
    const reachable = servers.filter(server => !isLoopback(server))
    if (reachable.length > 0) servers = reachable
    else if (servers.length > 0) embedded = true
  }
  if (embedded) {
    servers = [EMBEDDED]
    // A name without a dot may be a container: ask for it as it is before the search domains.
    if (!options.some(option => option.startsWith('ndots:'))) options.push('ndots:0')
  }
  const lines = [
    ...servers.map(server => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
  return { text: lines.map(line => `${line}\n`).join(''), embedded }
}

function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1'
}
