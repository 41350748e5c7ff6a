import type { MapContainer, MapGroup, MapNetwork } from './model.ts'

/** The cells of a row, the same for the terminal and the drawing. */
export function networkCells(network: MapNetwork): string[] {
  return [network.name, network.driver, network.subnets.join(' '), network.marks.join(', ')]
}

export function containerCells(one: MapContainer, networks: ReadonlyMap<string, string>): string[] {
  const addresses = Object.entries(one.addresses)
    .filter(([, address]) => address !== '')
    .sort(([a], [b]) => ((networks.get(a) ?? '') < (networks.get(b) ?? '') ? -1 : 1))
    .map(([, address]) => address)
  const state = one.health ? `${one.state} (${one.health})` : one.state
  return [
    one.name,
    state,
    one.shares ? `shares ${one.shares}'s network` : addresses.join(' '),
    [one.ports, one.egress ? 'egress policy' : ''].filter(Boolean).join(', '),
  ]
}

export function groupText(group: MapGroup): string {
  const { service, replicas, serving, mode } = group
  const answer = mode === 'vip' ? 'one virtual address' : 'the addresses of all'
  return `${service} ×${replicas.length}: ${serving} serving, the name is ${answer}`
}
