import type { FlagSpec } from './command.ts'

/** Go's integer syntax, base prefixes included. @throws with Go's words */
export function parseInteger(text: string): number {
  if (!/^[+-]?(\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.test(text)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  const negative = text.startsWith('-')
  const value = Number(text.replace(/^[+-]/, ''))
  return negative ? -value : value
}

export function parseBoolean(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

const SIZES: Record<string, number> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 }

/** `10`, `10m`, `1.5GiB`: bytes, base 1024. `-1` is kept (unlimited). */
export function parseBytes(text: string): number {
  if (text === '-1') return -1
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?(b?)$/i.exec(text)
  if (!match) throw new Error(`invalid size: '${text}'`)
  return Math.floor(Number(match[1]) * SIZES[match[2]!.toLowerCase()]!)
}

const NANOS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** Go's duration syntax (`1h2m3.5s`): nanoseconds. */
export function parseDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  let rest = text.replace(/^[+-]/, '')
  if (rest === '0') return 0
  if (rest === '') throw new Error(`time: invalid duration ${JSON.stringify(text)}`)
  let total = 0
  while (rest !== '') {
    const match = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)?/.exec(rest)
    if (!match) throw new Error(`time: invalid duration ${JSON.stringify(text)}`)
    if (!match[2]) {
      const unit = /^[^\d.]+/.exec(rest.slice(match[0].length))
      const what = unit ? `unknown unit ${JSON.stringify(unit[0])}` : 'missing unit'
      throw new Error(`time: ${what} in duration ${JSON.stringify(text)}`)
    }
    total += Number(match[1]) * NANOS[match[2]]!
    rest = rest.slice(match[0].length)
  }
  return sign * Math.round(total)
}

/** `1.5` (or `3/2`): billionths of a CPU. */
export function parseCpus(text: string): number {
  const match = /^(\d*\.?\d+|\d+\.)(?:\/(\d+))?$/.exec(text)
  if (!match) throw new Error(`failed to parse ${text} as a rational number`)
  const value = (Number(match[1]) / Number(match[2] ?? 1)) * 1e9
  if (Math.abs(value - Math.round(value)) > 1e-3) throw new Error('value is too precise')
  return Math.round(value)
}

/** One CSV record, as `--mount` and comma lists are written: `a,"b,c"`. */
export function parseCsv(text: string): string[] {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (quoted) {
      if (char !== '"') field += char
      else if (text[i + 1] === '"') field += text[i++]
      else quoted = false
    } else if (char === '"' && field === '') quoted = true
    else if (char === ',') {
      fields.push(field)
      field = ''
    } else field += char
  }
  if (quoted)
    throw new Error(`parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`)
  return [...fields, field]
}

/** What a flag holds when it was not given. */
export function initialValue(spec: FlagSpec): unknown {
  switch (spec.type) {
    case 'bool':
      return spec.default ?? false
    case 'int':
    case 'cpus':
    case 'bytes':
    case 'duration':
      return spec.default ?? 0
    case 'list':
    case 'strings':
      return []
    case 'map':
    case 'filter':
      return {}
    case 'string':
      return spec.default ?? ''
  }
}

/** The flag's value after one more occurrence. @throws with the reason */
export function addValue(spec: FlagSpec, previous: unknown, given: string): unknown {
  const text = spec.check ? spec.check(given) : given
  switch (spec.type) {
    case 'bool':
      return parseBoolean(text)
    case 'int':
      return parseInteger(text)
    case 'cpus':
      return parseCpus(text)
    case 'bytes':
      return parseBytes(text)
    case 'duration':
      return parseDuration(text)
    case 'list':
      return [...(previous as string[]), text]
    case 'strings':
      return [...(previous as string[]), ...parseCsv(text)]
    case 'map': {
      const at = text.indexOf('=')
      const [key, value] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
      return { ...(previous as Record<string, string>), [key]: value }
    }
    case 'filter': {
      const at = text.indexOf('=')
      if (at < 0) throw new Error('bad format of filter (expected name=value)')
      const name = text.slice(0, at).trim().toLowerCase()
      const filters = previous as Record<string, string[]>
      return { ...filters, [name]: [...(filters[name] ?? []), text.slice(at + 1).trim()] }
    }
    case 'string':
      return text
  }
}
