interface ListedRule {
  family: string
  table: string
  handle: number
  expr?: object[]
  text?: string
}

/**
 * Gives the rules that use extensions of iptables the text that nft(8) prints of them.
 *
 * @param listing `nft -j list ruleset`, changed in place
 * @param printed `nft -a list ruleset`
 */
export function addTexts(listing: unknown, printed: string): void {
  const texts = textsOf(printed)
  for (const { rule } of (listing as { nftables: { rule?: ListedRule }[] }).nftables) {
    if (!rule?.expr?.some(expression => 'xt' in expression)) continue
    const text = texts.get(`${rule.family} ${rule.table} ${rule.handle}`)
    if (text !== undefined) rule.text = text
  }
}

/** By `family table handle`. */
function textsOf(printed: string): Map<string, string> {
  const texts = new Map<string, string>()
  let table = ''
  for (const line of printed.split('\n')) {
    const opened = /^table (\S+) (\S+) \{/.exec(line)
    if (opened) table = `${opened[1]} ${opened[2]}`
    const rule = /^\t\t(.*) # handle (\d+)$/.exec(line)
    if (rule) texts.set(`${table} ${rule[2]}`, rule[1]!)
  }
  return texts
}
