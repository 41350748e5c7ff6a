import { invalid } from '#lib/errors.ts'
import { EGRESS_KEY, egressNameMatches, parseEgress } from '#model/egress.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { Context } from '../context.ts'
import { extraHostLines } from '../files/hosts.ts'
import { hostGatewayOf } from '../files/sandbox-files.ts'
import type { SandboxOwner } from '../service.ts'
import type { Policy } from './state.ts'

export const policyText = (owner: SandboxOwner): string | undefined => owner.annotations[EGRESS_KEY]

/** What holds for packets that leave by this endpoint. None when the network is not one whose packets pass the host's filter. */
export function policiesOf(ctx: Context, owner: SandboxOwner, endpoint: EndpointRecord): Policy[] {
  const network = ctx.registry.byId(endpoint.networkId)
  if (network?.driver !== 'bridge') return []
  const policies = [
    ...read('container', policyText(owner)),
    ...read(`network ${network.name}`, network.options[EGRESS_KEY]),
  ]
  return policies.length === 0
    ? []
    : policies.map(policy => ({ ...policy, entries: withHosts(ctx, owner, policy.entries) }))
}

/** Names of /etc/hosts are never asked of DNS: an entry for one stands for its address too. */
function withHosts(ctx: Context, owner: SandboxOwner, entries: Policy['entries']): Policy['entries'] {
  if (owner.extraHosts.length === 0) return entries
  const hosts = extraHostLines(owner.extraHosts, hostGatewayOf(ctx)).map(line => line.split('\t') as [string, string])
  return entries.flatMap(entry => {
    const named = hosts.filter(([, name]) => egressNameMatches(entry, name.toLowerCase()))
    return [entry, ...named.map(([host]) => ({ ...entry, kind: 'address' as const, host, wildcard: false }))]
  })
}

function read(of: string, text: string | undefined): Policy[] {
  return text === undefined ? [] : [{ of, text, entries: parseEgress(text) }]
}

/** @throws invalid when the container has a policy that cannot be read, or a network where it cannot hold */
export function checkOwner(owner: SandboxOwner, networks: readonly NetworkRecord[]): void {
  const text = policyText(owner)
  if (text === undefined) return
  parseEgress(text)
  for (const network of networks) {
    if (network.driver === 'bridge' || network.driver === 'null') continue
    throw invalid(
      `an egress policy cannot hold in network ${network.name}: packets of driver ${network.driver} do not pass the host's filter, use a bridge network`,
    )
  }
}

/** @throws invalid */
export function checkNetworkPolicy(driver: string, options: Readonly<Record<string, string>>): void {
  const text = options[EGRESS_KEY]
  if (text === undefined) return
  parseEgress(text)
  if (driver !== 'bridge') {
    throw invalid(
      `an egress policy cannot hold in a network of driver ${driver}: its packets do not pass the host's filter, use driver bridge`,
    )
  }
}
