/** A packet as the packet filter's rules would see it at one hook; what is undefined is not known. */
export interface Packet {
  family: 4 | 6
  protocol: 'tcp' | 'udp' | 'icmp'
  source: string
  destination: string
  sourcePort?: number
  destinationPort?: number
  iif?: string
  oif?: string
  /** Connection tracking state. */
  state: 'new' | 'established'
  /** The destination was rewritten on its way (ct status dnat). */
  dnat: boolean
  mark?: number
  /** Whether the destination is an address of the machine that the hook is on (`fib daddr type local`). */
  toLocal?: boolean
}

/** netfilter hooks in the order of a packet's way. */
export type HookName = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** What one rule or policy does to a packet. */
export interface FilterStep {
  /** `inet`, `ip`, `ip6`, `bridge`, `netdev`. */
  family: string
  table: string
  chain: string
  /** The rule as nft(8) writes it as far as we render it, or `policy drop`. */
  rule: string
  /** nft rule handle, 0 for a policy. */
  handle: number
  comment: string
}

export interface FilterVerdict {
  /** `unsure`: a rule that could drop has a match that we cannot evaluate. */
  verdict: 'pass' | 'drop' | 'unsure'
  /** The rule or policy that decides `drop` or `unsure`. */
  by?: FilterStep
  /** Destination after NAT, when a nat chain rewrites it. */
  dnat?: { address: string; port?: number }
}
