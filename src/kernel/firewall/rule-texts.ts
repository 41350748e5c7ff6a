interface ListedRule {
  family: string
  table: string
  handle: number
  expr?: object[]
  text?: string
}

interface ListedChain {
  family: string
  table: string
  name: string
  hook?: string
  dev?: string | string[]
}

/** Whether JSON says less than the text would. */
export function needsTexts(json: string): boolean {
  return json.includes('"xt"') || json.includes('"ingress"') || json.includes('"egress"')
}

/**
 * Gives the rules that use extensions of iptables the text that nft(8) prints of them, and chains of devices the names of
 * these, which JSON has only in later versions.
 *
 * @param listing `nft -j list ruleset`, changed in place
 * @param printed `nft -a list ruleset`
 */
export function addTexts(listing: unknown, printed: string): void {
  const { rules, devices } = read(printed)
  for (const { rule, chain } of (listing as { nftables: { rule?: ListedRule; chain?: ListedChain }[] }).nftables) {
    if (rule?.expr?.some(expression => 'xt' in expression)) {
      const text = rules.get(`${rule.family} ${rule.table} ${rule.handle}`)
      if (text !== undefined) rule.text = text
    } else if (chain?.hook !== undefined && chain.dev === undefined) {
      const names = devices.get(`${chain.family} ${chain.table} ${chain.name}`)
      if (names) chain.dev = names
    }
  }
}

/** Rules by `family table handle`, devices by `family table chain`. */
function read(printed: string): { rules: Map<string, string>; devices: Map<string, string[]> } {
  const rules = new Map<string, string>()
  const devices = new Map<string, string[]>()
  let table = ''
  let chain = ''
  for (const line of printed.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain
    const names = /^\t\ttype \S+ hook \S+ devices? (?:= )?(.*) priority /.exec(line)?.[1]
    if (names !== undefined) devices.set(`${table} ${chain}`, names.match(/[^\s{},"]+/g) ?? [])
    const rule = /^\t\t(.*) # handle (\d+)$/.exec(line)
    if (rule) rules.set(`${table} ${rule[2]}`, rule[1]!)
  }
  return { rules, devices }
}
