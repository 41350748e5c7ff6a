/** Whether the text is an IPv4 or IPv6 address (no zone, no prefix length). Without node:net: `wire` does no I/O. */
export function isIP(address: string): boolean {
  return isIPv4(address) || isIPv6(address)
}

export function isIPv4(address: string): boolean {
  const parts = address.split('.')
  return parts.length === 4 && parts.every(part => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
}

export function isIPv6(address: string): boolean {
  const halves = address.split('::')
  if (halves.length > 2) return false
  const groups = (half: string | undefined) => (half === undefined || half === '' ? [] : half.split(':'))
  const all = [...groups(halves[0]), ...groups(halves[1])]
  const last = all.at(-1)
  let count = all.length
  if (last !== undefined && last.includes('.')) {
    if (!isIPv4(last)) return false
    all.pop()
    count++
  }
  return all.every(group => /^[0-9a-fA-F]{1,4}$/.test(group)) && (halves.length === 2 ? count < 8 : count === 8)
}

/** `172.28.0.0/16`, `fd00::/64`. */
export function isCIDR(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/')
  if (rest.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(bits)) return false
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128)
}

export function isMAC(text: string): boolean {
  return /^([0-9a-fA-F]{2}([:-]))([0-9a-fA-F]{2}\2){4}[0-9a-fA-F]{2}$/.test(text)
}
