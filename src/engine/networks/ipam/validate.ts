import { invalid } from '#lib/errors.ts'
import type { IpamPool } from '#model/network.ts'
import { contains, formatCidr, overlaps, parseAddress, parseCidr } from './address.ts'
import type { Cidr } from './address.ts'

/**
 * Checks the subnets, ranges, gateways and auxiliary addresses of a request on their own, all at once.
 * @throws invalid in Docker's words, one line a mistake
 */
export function validateIpam(pools: readonly IpamPool[], enableIPv6: boolean): void {
  const mistakes: string[] = []
  const seen: Cidr[] = []
  for (const pool of pools) {
    const subnet = parseCidr(pool.Subnet ?? '')
    if (!subnet) {
      mistakes.push(`invalid subnet ${pool.Subnet ?? ''}: invalid CIDR block notation`)
      continue
    }
    const { cidr, address } = subnet
    if (cidr.family === 6 && !enableIPv6) continue
    const text = formatCidr(cidr)
    if (address.value !== cidr.base) mistakes.push(`invalid subnet ${pool.Subnet}: it should be ${text}`)
    const other = seen.find(earlier => overlaps(earlier, cidr))
    if (other) mistakes.push(`invalid subnet ${pool.Subnet}: it overlaps ${formatCidr(other)} of the same network`)
    seen.push(cidr)
    mistakes.push(...rangeMistakes(pool.IPRange, cidr))
    const gateway = addressMistake(pool.Gateway, cidr)
    if (gateway) mistakes.push(`invalid gateway ${pool.Gateway}: ${gateway}`)
    for (const [name, aux] of Object.entries(pool.AuxiliaryAddresses ?? {})) {
      const mistake = addressMistake(aux, cidr)
      if (mistake) mistakes.push(`invalid auxiliary address ${name}: ${mistake}`)
    }
  }
  if (mistakes.length > 0) throw invalid(`invalid network config:\n${mistakes.join('\n')}`)
}

function rangeMistakes(range: string | undefined, subnet: Cidr): string[] {
  if (!range) return []
  const parsed = parseCidr(range)
  if (!parsed) return [`invalid ip-range ${range}: invalid CIDR block notation`]
  const { cidr, address } = parsed
  if (cidr.family !== subnet.family) return [`invalid ip-range ${range}: parent subnet is an IPv${subnet.family} block`]
  const mistakes: string[] = []
  const text = formatCidr(subnet)
  if (cidr.prefix < subnet.prefix) {
    mistakes.push(`invalid ip-range ${range}: CIDR block is bigger than its parent subnet ${text}`)
  }
  if (address.value !== cidr.base) mistakes.push(`invalid ip-range ${range}: it should be ${formatCidr(cidr)}`)
  if (!overlaps(subnet, cidr))
    mistakes.push(`invalid ip-range ${range}: parent subnet ${text} doesn't contain ip-range`)
  return mistakes
}

function addressMistake(text: string | undefined, subnet: Cidr): string | undefined {
  if (!text) return undefined
  const address = parseAddress(text)
  if (!address) return 'invalid address'
  if (address.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`
  if (!contains(subnet, address)) return `parent subnet ${formatCidr(subnet)} doesn't contain this address`
  return undefined
}
