/** Slots of a balanced port: even for up to 8, 10 or 12 replicas, and within an eighth for 100. */
export const SPREAD = 840

/** A random slot has no type of its own that could be named, only that of the expression. */
function spread(rest: string): string {
  return `numgen random mod ${SPREAD} . meta l4proto . ${rest}`
}

interface SetSpec {
  kind: 'set' | 'map'
  type: string
  interval?: boolean
  inferred?: boolean
  /** Each element counts the packets that meet it. */
  counter?: boolean
}

/**
 * The packet filter as data: sets and maps whose elements say everything about networks and published ports, and rules
 * that never change. One table for each daemon; no other table is read or written.
 *
 * Beside other firewalls: a verdict `accept` ends only our own chain, so each other table at the same hook still judges
 * the packet. A host firewall that drops in its forward chain therefore drops published ports too: publishing does not
 * go round it. We only ever take away (drop) or rewrite (dnat, masquerade).
 */
export const SETS = {
  /** Bridges of this daemon. */
  bridges: { kind: 'set', type: 'ifname' },
  /** Bridges without a way in or out. */
  internal: { kind: 'set', type: 'ifname' },
  /** `bridge . bridge` of each network whose containers may talk to each other. */
  icc: { kind: 'set', type: 'ifname . ifname' },
  /** `bridge . subnet` of each network. */
  home4: { kind: 'set', type: 'ifname . ipv4_addr', interval: true },
  home6: { kind: 'set', type: 'ifname . ipv6_addr', interval: true },
  /** Subnets that leave under the host's address. */
  masquerade4: { kind: 'set', type: 'ipv4_addr', interval: true },
  masquerade6: { kind: 'set', type: 'ipv6_addr', interval: true },
  /** Published on every address of the host. */
  any4: { kind: 'map', type: 'inet_proto . inet_service : ipv4_addr . inet_service' },
  any6: { kind: 'map', type: 'inet_proto . inet_service : ipv6_addr . inet_service' },
  /** Published on one address. */
  host4: { kind: 'map', type: 'inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service' },
  host6: { kind: 'map', type: 'inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service' },
  /**
   * The same for ports that several replicas share: each of SPREAD slots leads to one of them. They have an element of the
   * other kind too: while elements are replaced a look-up may miss both the old and the new one.
   */
  spread_any4: { kind: 'map', type: spread('th dport : ip daddr . th dport'), inferred: true },
  spread_any6: { kind: 'map', type: spread('th dport : ip6 daddr . th dport'), inferred: true },
  spread_host4: { kind: 'map', type: spread('ip daddr . th dport : ip daddr . th dport'), inferred: true },
  spread_host6: { kind: 'map', type: spread('ip6 daddr . th dport : ip6 daddr . th dport'), inferred: true },
  /** `bridge . subnet` of networks whose addresses are reached by a route: whole, or where a port is published. */
  unprotected4: { kind: 'set', type: 'ifname . ipv4_addr', interval: true },
  unprotected6: { kind: 'set', type: 'ifname . ipv6_addr', interval: true },
  routed4: { kind: 'set', type: 'ifname . ipv4_addr', interval: true },
  routed6: { kind: 'set', type: 'ifname . ipv6_addr', interval: true },
  routed_ports4: { kind: 'set', type: 'ipv4_addr . inet_proto . inet_service' },
  routed_ports6: { kind: 'set', type: 'ipv6_addr . inet_proto . inet_service' },
  /** Families in which the host forwards only because of us. */
  guarded: { kind: 'set', type: 'nf_proto' },
  /** Addresses of containers with an egress policy, and a counter for each of what the policy dropped. */
  egress_limited4: { kind: 'set', type: 'ipv4_addr' },
  egress_limited6: { kind: 'set', type: 'ipv6_addr' },
  /** Their interfaces: an address of the link, which nobody gave out, is none of those. */
  egress_macs: { kind: 'set', type: 'ether_addr' },
  egress_dropped4: { kind: 'set', type: 'ipv4_addr', counter: true },
  egress_dropped6: { kind: 'set', type: 'ipv6_addr', counter: true },
  /** What they may reach: everything of a host, one port of it, and subnets and ranges, which cost more to change. */
  egress_hosts4: { kind: 'set', type: 'ipv4_addr . ipv4_addr' },
  egress_hosts6: { kind: 'set', type: 'ipv6_addr . ipv6_addr' },
  egress_ports4: { kind: 'set', type: 'ipv4_addr . ipv4_addr . inet_proto . inet_service' },
  egress_ports6: { kind: 'set', type: 'ipv6_addr . ipv6_addr . inet_proto . inet_service' },
  egress_ranges4: { kind: 'set', type: 'ipv4_addr . ipv4_addr . inet_proto . inet_service', interval: true },
  egress_ranges6: { kind: 'set', type: 'ipv6_addr . ipv6_addr . inet_proto . inet_service', interval: true },
} as const satisfies Record<string, SetSpec>

export type SetName = keyof typeof SETS

/** Key to value; '' in a set. */
export type Elements = Record<SetName, Map<string, string>>

export interface Element {
  set: SetName
  key: string
  /** Of a map. */
  value?: string
}

export const emptyElements = (): Elements =>
  Object.fromEntries(Object.keys(SETS).map(name => [name, new Map<string, string>()])) as Elements

const RULES = `
  set egress_seen4 {
    typeof ip saddr . ip daddr . meta l4proto . th dport; flags dynamic,timeout; timeout 1h; size 4096; counter;
  }
  set egress_seen6 {
    typeof ip6 saddr . ip6 daddr . meta l4proto . th dport; flags dynamic,timeout; timeout 1h; size 4096; counter;
  }
  chain loopback_guard {
    type filter hook prerouting priority raw; policy accept;
    # route_localnet on our bridges and DNAT of 127.0.0.1 ports would let a neighbour on the wire, or a container, reach
    # services of the host's loopback (moby#41872, CVE-2020-8558). Replies to our own masqueraded connections are not
    # hit: here they still carry the bridge's address.
    iifname != "lo" ip daddr 127.0.0.0/8 drop
  }
  chain forged {
    type filter hook prerouting priority mangle; policy accept;
    # What comes from a network bears an address of it. Replies are judged by what they reply to; addresses that a machine
    # has before it has one (0.0.0.0, ::, link-local) go nowhere else.
    ct state established,related accept
    iifname @bridges ip saddr != 0.0.0.0 iifname . ip saddr != @home4 drop
    iifname @bridges ip6 saddr != { ::, fe80::/10 } iifname . ip6 saddr != @home6 drop
    # Before any translation: a policy is about the address that was asked.
    iifname @bridges ip saddr @egress_limited4 jump egress4
    iifname @bridges ip6 saddr @egress_limited6 jump egress6
    iifname @bridges ip6 saddr fe80::/10 ether saddr @egress_macs jump egress_link_local
  }
  chain egress4 {
    # To another container of the network; its gateway is the host.
    iifname . ip daddr @home4 fib daddr type != local return
    ip saddr . ip daddr @egress_hosts4 return
    ip saddr . ip daddr . meta l4proto . th dport @egress_ports4 return
    ip saddr . ip daddr . meta l4proto . th dport @egress_ranges4 return
    update @egress_seen4 { ip saddr . ip daddr . meta l4proto . th dport }
    # For the counter of the element.
    ip saddr @egress_dropped4 drop
    drop
  }
  chain egress_link_local {
    # To services of the host that listen on every address.
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } return
    fib daddr type local drop
  }
  chain egress6 {
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } return
    iifname . ip6 daddr @home6 fib daddr type != local return
    ip6 saddr . ip6 daddr @egress_hosts6 return
    ip6 saddr . ip6 daddr . meta l4proto . th dport @egress_ports6 return
    ip6 saddr . ip6 daddr . meta l4proto . th dport @egress_ranges6 return
    update @egress_seen6 { ip6 saddr . ip6 daddr . meta l4proto . th dport }
    ip6 saddr @egress_dropped6 drop
    drop
  }
  chain publish {
    dnat ip to numgen random mod ${SPREAD} . meta l4proto . ip daddr . th dport map @spread_host4
    dnat ip to meta l4proto . ip daddr . th dport map @host4
    dnat ip to numgen random mod ${SPREAD} . meta l4proto . th dport map @spread_any4
    dnat ip to meta l4proto . th dport map @any4
    dnat ip6 to numgen random mod ${SPREAD} . meta l4proto . ip6 daddr . th dport map @spread_host6
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @host6
    dnat ip6 to numgen random mod ${SPREAD} . meta l4proto . th dport map @spread_any6
    dnat ip6 to meta l4proto . th dport map @any6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    # Hairpin: a container reaches a published port of its own network through the host's address. Without this the
    # reply would go straight to it, from an address that it never asked. (Not by iifname: a packet that the kernel
    # bridges back, with bridge-nf-call-iptables, has none here.)
    ct status dnat oifname . ip saddr @home4 masquerade
    ct status dnat oifname . ip6 saddr @home6 masquerade
    # The host's own 127.0.0.1:PORT: a reply to 127.0.0.1 could not leave the container.
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ip6 saddr ::1 masquerade
    ip saddr @masquerade4 oifname != "lo" oifname != @bridges masquerade
    ip6 saddr @masquerade6 oifname != "lo" oifname != @bridges masquerade
  }
  chain into_bridge {
    ct state established,related accept
    # Bridged packets come here too while bridge-nf-call-iptables is 1; in and out are then the bridge itself.
    iifname . oifname @icc accept
    oifname @internal drop
    iifname @internal drop
    # From elsewhere only by a published port: not from another bridge, not by a route to the container's address.
    ct status dnat accept
    # Unless the network says otherwise.
    oifname . ip daddr @unprotected4 accept
    oifname . ip6 daddr @unprotected6 accept
    oifname . ip daddr @routed4 ip daddr . meta l4proto . th dport @routed_ports4 accept
    oifname . ip6 daddr @routed6 ip6 daddr . meta l4proto . th dport @routed_ports6 accept
    oifname . ip daddr @routed4 icmp type echo-request accept
    oifname . ip6 daddr @routed6 icmpv6 type echo-request accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname @bridges goto into_bridge
    iifname @internal drop
    # Bridges of other engines have rules of their own.
    meta nfproto @guarded meta iifkind != "bridge" meta oifkind != "bridge" drop
  }
`

/** Set on packets from and to our networks, where chains of others are to accept them. */
export const MARK = 0x2000000

const MARKING = `
  chain marking {
    type filter hook forward priority -160; policy accept;
    iifname @bridges meta mark set meta mark or ${MARK}
    oifname @bridges meta mark set meta mark or ${MARK}
  }
`

/** The whole table, in place of what it was, in one transaction. */
export function ruleset(table: string, elements: Elements, options: { marking?: boolean } = {}): string {
  const sets = Object.entries(SETS).map(([name, spec]) => {
    const flags = `${'interval' in spec ? ' flags interval;' : ''}${'counter' in spec ? ' counter;' : ''}`
    const list = render(elements[name as SetName])
    return `  ${spec.kind} ${name} { ${'inferred' in spec ? 'typeof' : 'type'} ${spec.type};${flags}${list ? ` elements = { ${list} };` : ''} }`
  })
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {\n${sets.join('\n')}${RULES}${options.marking ? MARKING : ''}}`,
    '',
  ].join('\n')
}

/** Removals first, so that a key can get another value in one transaction. */
export function changes(table: string, remove: readonly Element[], add: readonly Element[]): string {
  return [...statements('delete', table, remove), ...statements('add', table, add), ''].join('\n')
}

function statements(verb: 'add' | 'delete', table: string, elements: readonly Element[]): string[] {
  const bySet = new Map<SetName, Map<string, string>>()
  for (const { set, key, value = '' } of elements) {
    let keys = bySet.get(set)
    if (!keys) bySet.set(set, (keys = new Map()))
    keys.set(key, verb === 'add' ? value : '')
  }
  return [...bySet].map(([set, keys]) => `${verb} element inet ${table} ${set} { ${render(keys)} }`)
}

function render(elements: ReadonlyMap<string, string>): string {
  return Array.from(elements, ([key, value]) => (value ? `${key} : ${value}` : key)).join(', ')
}

export const sameBridge = (bridge: string): string => `${quote(bridge)} . ${quote(bridge)}`
export const quote = (name: string): string => `"${name}"`
