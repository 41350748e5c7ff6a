import { invalid } from '#lib/errors.ts'
import { EGRESS_KEY, parseEgress } from '#model/egress.ts'
import type { EndpointRecord } from '#model/container.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { Context } from '../context.ts'
import type { SandboxOwner } from '../service.ts'
import type { Policy } from './state.ts'

export const policyText = (owner: SandboxOwner): string | undefined => owner.annotations[EGRESS_KEY]

/** What holds for packets that leave by this endpoint. None when the network is not one whose packets pass the host's filter. */
export function policiesOf(ctx: Context, owner: SandboxOwner, endpoint: EndpointRecord): Policy[] {
  const network = ctx.registry.byId(endpoint.networkId)
  if (network?.driver !== 'bridge') return []
  return [...read('container', policyText(owner)), ...read(`network ${network.name}`, network.options[EGRESS_KEY])]
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
