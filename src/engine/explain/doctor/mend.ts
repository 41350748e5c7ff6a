import type { Ruleset } from '#engine/networks/index.ts'
import type { Stop, Step } from './filter.ts'

export type Manager = 'ufw' | 'firewalld' | 'iptables' | 'nft'

/** Whose rule it is: only by its own tool does a change last. */
export function managerOf(ruleset: Ruleset, { family, table }: Step): Manager {
  if (table === 'firewalld') return 'firewalld'
  const chains = [...ruleset.chains.values()].filter(chain => chain.family === family && chain.table === table)
  if (chains.some(chain => chain.name.startsWith('ufw'))) return 'ufw'
  // iptables-nft names its base chains so.
  if (family !== 'inet' && chains.some(chain => chain.hook !== undefined && chain.name === 'FORWARD')) return 'iptables'
  return 'nft'
}

/** What shall pass. */
export interface Passage {
  family: 4 | 6
  bridge: string
  /** Into a container: a published port. Absent: everything out of the network. */
  into?: { address: string; port: number; protocol: string; hostPort: number }
}

/** The command that lets it pass the rule that stops it. */
export function allowing(ruleset: Ruleset, stop: Stop, passage: Passage): string {
  const manager = managerOf(ruleset, stop.step)
  const { family, table, chain } = stop.step
  const insert = (match: string) => `nft insert rule ${family} ${table} ${chain} ${match} accept`
  if (manager === 'nft' && stop.reply) return insert('ct state established,related')
  const { bridge, into } = passage
  const iptables = passage.family === 4 ? 'iptables' : 'ip6tables'
  if (!into) {
    if (manager === 'ufw') return `ufw route allow in on ${bridge}`
    if (manager === 'firewalld')
      return `firewall-cmd --permanent --zone=trusted --add-interface=${bridge} && firewall-cmd --reload`
    if (manager === 'iptables') return `${iptables} -I ${chain} -${stop.reply ? 'o' : 'i'} ${bridge} -j ACCEPT`
    return insert(`iifname "${bridge}"`)
  }
  const { address, port, protocol, hostPort } = into
  if (manager === 'ufw') return `ufw route allow proto ${protocol} from any to ${address} port ${port}`
  if (manager === 'firewalld') {
    const forward = `port=${hostPort}:proto=${protocol}:toport=${port}:toaddr=${address}`
    return `firewall-cmd --permanent --add-forward-port=${forward} && firewall-cmd --reload`
  }
  // Before the translation it is the port of the host.
  const early = stop.hook === 'prerouting' || stop.hook === 'ingress'
  if (manager === 'iptables') {
    const [end, name] = stop.reply ? ['-s', '--sport'] : ['-d', '--dport']
    if (early) return `${iptables} -t ${table} -I ${chain} -p ${protocol} --dport ${hostPort} -j ACCEPT`
    return `${iptables} -I ${chain} ${end} ${address} -p ${protocol} ${name} ${port} -j ACCEPT`
  }
  if (early) return insert(`${protocol} dport ${hostPort}`)
  return insert(`${passage.family === 4 ? 'ip' : 'ip6'} daddr ${address} ${protocol} dport ${port}`)
}
