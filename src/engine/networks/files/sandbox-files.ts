import type { Context, LiveSandbox } from '../context.ts'
import { inOrder } from '../endpoint.ts'
import { linkLines, parseLinks } from '../links.ts'
import { formatAddress } from '../ipam/address.ts'
import { hostNetworkHosts, hostsText } from './hosts.ts'
import { resolvConf } from './resolv-conf.ts'

export interface SandboxFiles {
  resolvConf: string
  hosts: string
  embeddedDns: boolean
}

/** /etc/resolv.conf and /etc/hosts of a sandbox as its endpoints are now. */
export async function sandboxFiles(ctx: Context, sandbox: LiveSandbox): Promise<SandboxFiles> {
  const { owner } = sandbox
  const endpoints = inOrder(sandbox.endpoints.values())
  const networks = endpoints.flatMap(endpoint => ctx.registry.byId(endpoint.networkId) ?? [])
  const host = ctx.host.resolvers()
  const hostGateway = hostGatewayOf(ctx)
  if (networks.some(network => network.driver === 'host')) {
    return {
      resolvConf: resolvConf(owner, host, 'host').text,
      hosts: hostNetworkHosts(await ctx.host.hostsFile(), owner.extraHosts, hostGateway),
      embeddedDns: false,
    }
  }
  const named = networks.some(network => !network.builtin)
  // Behind an egress policy only the embedded resolver is sure to be reached, and only it sees what names stand for.
  const followed = ctx.egress.limited.has(owner.id)
  const resolv = resolvConf(owner, host, named || followed ? 'named' : 'bare')
  const legacy = networks.find(network => network.builtin && network.driver === 'bridge')
  return {
    resolvConf: resolv.text,
    hosts: hostsText({
      owner,
      addresses: endpoints.flatMap(endpoint => [endpoint.ipv4, endpoint.ipv6].filter(address => address !== '')),
      links: legacy && !named ? linkLines(ctx, parseLinks(owner.links), legacy.id) : [],
      hostGateway,
    }),
    embeddedDns: resolv.embedded,
  }
}

/** `host-gateway` is the host as the default network sees it, as in Docker. */
export function hostGatewayOf(ctx: Context): string {
  const bridge = ctx.registry.byName('bridge')
  const pool = bridge && ctx.ipam.pool(bridge.id, 4)
  return pool ? formatAddress(pool.gateway) : ''
}
