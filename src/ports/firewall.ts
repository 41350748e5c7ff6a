/**
 * nftables through libnftables. Policy speaks in the textual language of nft(8); one call is one atomic transaction.
 * Only tables whose names begin with `berth` may be named: the adapter refuses others.
 */
export interface Firewall {
  /** @param sandbox network namespace path, else the daemon's */
  apply(script: string, sandbox?: string): Promise<void>
  /** `nft -j` output of `list table inet NAME`; undefined when the table is absent. */
  listTable(family: string, name: string, sandbox?: string): Promise<unknown>
  /**
   * The one thing that is done to tables of others, and only when the user asks for it: each of their filter chains at the
   * forward hook begins with a rule that accepts packets with a mark; with `present` false that rule is gone everywhere.
   *
   * @returns how many chains were changed
   */
  acceptFirst(rule: AcceptRule, present: boolean, sandbox?: string): Promise<number>
  /** Counts up by one with each change of the ruleset, whoever makes it. 0 where the kernel does not tell. */
  generation(sandbox?: string): Promise<number>
  tables(sandbox?: string): Promise<{ family: string; name: string }[]>
  /** Drops the conntrack entries that fit every given part, so that UDP flows do not stick to the dead. */
  forgetFlows(filter: FlowFilter, sandbox?: string): Promise<void>
}

export interface AcceptRule {
  /** A bit, or several, that all have to be set. */
  mark: number
  /** What the rule is known by: letters, digits, `:` and `-`. */
  comment: string
}

export interface FlowFilter {
  protocol?: 'tcp' | 'udp'
  /** At either end, before or after translation. */
  address?: string
  /** Port that the flow was first sent to. */
  hostPort?: number
  /** Address where the flow leads to after translation. Cheap in a large table: the kernel leaves the others out. */
  target?: string
}
