import { BlockList, isIP } from 'node:net'
import { CliError } from '../core/command.ts'

/** Whether an address lies in a subnet. @throws CliError for a subnet that is none */
export function contains(subnet: string, address: string): boolean {
  const [base = '', bits = ''] = subnet.split('/')
  const family = isIP(base)
  const width = Number(bits)
  if (family === 0 || !/^\d+$/.test(bits) || width > (family === 4 ? 32 : 128)) {
    throw new CliError(`invalid subnet ${subnet}: write it as 10.1.0.0/16`)
  }
  if (isIP(address) !== family) return false
  const list = new BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(base, width, type)
  return list.check(address, type)
}
