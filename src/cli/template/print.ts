/** Go's default print of a decoded JSON value: `[a b]`, `map[k:v]`, `<nil>`. */
export function goPrint(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goPrint).join(' ')}]`
  if (typeof value === 'object') {
    const own = Object.keys(value).sort()
    return `map[${own.map(key => `${key}:${goPrint((value as Record<string, unknown>)[key])}`).join(' ')}]`
  }
  if (typeof value === 'number' && Math.abs(value) >= 1e21) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  }
  return String(value)
}

/** Go's Sprintf for the verbs that templates use. */
export function goSprintf(format: string, values: readonly unknown[]): string {
  let next = 0
  const text = format.replace(
    /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*))?([a-zA-Z%])/g,
    (_all: string, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%'
      const size = width === '*' ? Number(values[next++]) : Number(width ?? 0)
      const digits =
        precision === '*' ? Number(values[next++]) : precision === undefined ? undefined : Number(precision)
      if (next >= values.length) return `%!${verb}(MISSING)`
      const value = values[next++]
      const shown = formatVerb(verb, value, digits, flags)
      if (flags.includes('-')) return shown.padEnd(size)
      return flags.includes('0') && typeof value === 'number' ? shown.padStart(size, '0') : shown.padStart(size)
    },
  )
  const extra = values.slice(next).map(value => `${goType(value)}=${goPrint(value)}`)
  return extra.length > 0 ? `${text}%!(EXTRA ${extra.join(', ')})` : text
}

function formatVerb(verb: string, value: unknown, digits: number | undefined, flags: string): string {
  const plus = flags.includes('+') && typeof value === 'number' && value >= 0 ? '+' : ''
  switch (verb) {
    case 'v':
      return goPrint(value)
    case 's':
      return digits === undefined ? goPrint(value) : Array.from(goPrint(value)).slice(0, digits).join('')
    case 'q':
      return JSON.stringify(goPrint(value))
    case 't':
      return String(value === true)
    case 'd':
      return typeof value === 'number' ? plus + String(Math.trunc(value)) : `%!d(${goType(value)}=${goPrint(value)})`
    case 'f':
    case 'F':
      return plus + Number(value).toFixed(digits ?? 6)
    case 'e':
      return Number(value)
        .toExponential(digits ?? 6)
        .replace(/e([+-])(\d)$/, 'e$10$2')
    case 'g':
      return digits === undefined ? String(value) : String(Number(Number(value).toPrecision(digits)))
    case 'x':
    case 'X': {
      const hex = typeof value === 'number' ? value.toString(16) : Buffer.from(goPrint(value)).toString('hex')
      return verb === 'X' ? hex.toUpperCase() : hex
    }
    case 'o':
      return Number(value).toString(8)
    case 'b':
      return Number(value).toString(2)
    case 'c':
      return String.fromCodePoint(Number(value))
    case 'T':
      return goType(value)
    default:
      return `%!${verb}(${goType(value)}=${goPrint(value)})`
  }
}

export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'string' ? 'string' : 'map[string]interface {}'
}

/** As Docker's `json` function: keys as they come, no HTML escapes. */
export function goJson(value: unknown): string {
  return JSON.stringify(value === undefined ? null : value)
}
