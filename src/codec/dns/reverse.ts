/** `4.3.2.1.in-addr.arpa` and the nibbles of `ip6.arpa` to an address text; undefined for any other name. Lower case. */
export function addressOfReverse(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa')) {
    const parts = name.slice(0, -13).split('.')
    return parts.length === 4 && parts.every(part => /^\d{1,3}$/.test(part)) ? parts.reverse().join('.') : undefined
  }
  if (name.endsWith('.ip6.arpa')) {
    const nibbles = name.slice(0, -9).split('.')
    if (nibbles.length !== 32 || !nibbles.every(nibble => /^[0-9a-f]$/.test(nibble))) return undefined
    return nibbles
      .reverse()
      .join('')
      .replace(/(.{4})(?=.)/g, '$1:')
  }
  return undefined
}
