import type { Ruleset } from '#engine/networks/index.ts'
import type { PublishedPort } from '#model/container.ts'

export interface Target {
  address: string
  /** 0: that of the record. */
  port: number
}

const PROTOCOLS: Record<number, string> = { 6: 'tcp', 17: 'udp', 132: 'sctp' }

/**
 * Where this daemon's table sends published ports. Read off its maps, whatever their names: keys are made of a protocol,
 * an address if it is for one only, and a port (and a slot before them where several replicas share it); values of an
 * address and a port.
 */
export function translations(ruleset: Ruleset, table: string): (port: PublishedPort) => Target | undefined {
  const targets = new Map<string, Target>()
  for (const [name, elements] of ruleset.sets) {
    if (!name.startsWith(`inet ${table} `)) continue
    for (const element of elements) {
      if (!Array.isArray(element)) continue
      const key = partsOf(element[0])
      const [address, port] = partsOf(element[1])
      const hostPort = key.at(-1)
      if (typeof address !== 'string' || typeof hostPort !== 'number') continue
      const family = address.includes(':') ? 6 : 4
      const numbers = key.slice(0, -1).map(part => (typeof part === 'number' ? (PROTOCOLS[part] ?? '') : part))
      const protocol = numbers.find(part => part === 'tcp' || part === 'udp' || part === 'sctp')
      const host = numbers.find(part => part.includes('.') || part.includes(':')) ?? '*'
      targets.set(`${family} ${protocol} ${host} ${hostPort}`, { address, port: typeof port === 'number' ? port : 0 })
    }
  }
  return ({ hostIp, hostPort, protocol }) => {
    const family = hostIp.includes(':') ? 6 : 4
    const host = hostIp === '0.0.0.0' || hostIp === '::' || hostIp === '' ? '*' : hostIp
    return targets.get(`${family} ${protocol} ${host} ${hostPort}`)
  }
}

function partsOf(value: unknown): (string | number)[] {
  const whole =
    value !== null && typeof value === 'object' ? (value as { concat?: unknown; elem?: unknown }) : undefined
  if (whole?.elem !== undefined) return partsOf((whole.elem as { val?: unknown }).val)
  const parts = whole?.concat ?? [value]
  return (Array.isArray(parts) ? parts : []).filter(part => typeof part === 'string' || typeof part === 'number')
}
