import type { ResolverConfig } from '#ports/host.ts'

/** Where systemd-resolved keeps the servers that it forwards to. */
export const RESOLVED_UPSTREAMS = '/run/systemd/resolve/resolv.conf'

/** resolv.conf(5). The last `search` (or `domain`) line wins; scoped IPv6 addresses stay as they are. */
export function parseResolvConf(text: string): ResolverConfig {
  const config: ResolverConfig = { nameservers: [], search: [], options: [] }
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (word === 'nameserver' && values[0] !== undefined) config.nameservers.push(values[0])
    if (word === 'search') config.search = values.filter(value => value !== '.')
    if (word === 'domain' && values[0] !== undefined) config.search = [values[0]]
    if (word === 'options') config.options.push(...values)
  }
  return config
}

/** Whether the only servers are the stubs that systemd-resolved runs on the loopback, which no container can reach. */
export function isStub(config: ResolverConfig): boolean {
  const stubs = ['127.0.0.53', '127.0.0.54']
  return config.nameservers.length > 0 && config.nameservers.every(server => stubs.includes(server))
}
