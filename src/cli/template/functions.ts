import { goJson, goPrint, goSprintf, goType } from './print.ts'

export type TemplateFunction = (...values: unknown[]) => unknown

/** Go's truth: not zero, not empty, not nil. */
export function truth(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === '') return false
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object') return Object.keys(value).length > 0
  return true
}

function length(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  if (value !== null && typeof value === 'object') return Object.keys(value).length
  if (value === null || value === undefined) throw new Error('len of nil pointer')
  throw new Error(`len of type ${goType(value)}`)
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let current = value
  for (const key of keys) {
    if (current === null || current === undefined) throw new Error('index of untyped nil')
    if (Array.isArray(current) || typeof current === 'string') {
      if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${goType(key)}`)
      if (key < 0 || key >= current.length) throw new Error(`index out of range: ${key}`)
      current = typeof current === 'string' ? Buffer.from(current)[key] : (current[key] as unknown)
    } else if (typeof current === 'object') {
      // A missing key is the zero value; these documents' maps mostly hold strings.
      const map = current as Record<string, unknown>
      const found = Object.hasOwn(map, String(key)) ? map[String(key)] : undefined
      current = found ?? (Object.values(map).some(item => typeof item === 'object') ? undefined : '')
    } else throw new Error(`can't index item of type ${goType(current)}`)
  }
  return current
}

function slice(value: unknown, from = 0 as unknown, to?: unknown): unknown {
  if (typeof value === 'string' || Array.isArray(value)) return value.slice(Number(from), to as number | undefined)
  throw new Error(`can't slice item of type ${goType(value)}`)
}

function equal(first: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new Error('missing argument for comparison')
  return others.some(other => {
    if (
      (typeof first === 'string' && typeof other === 'number') ||
      (typeof first === 'number' && typeof other === 'string')
    ) {
      throw new Error('incompatible types for comparison')
    }
    return first === other || (first === null && other === undefined) || (first === undefined && other === null)
  })
}

function less(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b || (typeof a !== 'number' && typeof a !== 'string')) {
    throw new Error('incompatible types for comparison')
  }
  return a < (b as typeof a)
}

const text = (value: unknown) => {
  if (typeof value === 'string') return value
  throw new Error(`wrong type for value; expected string; got ${goType(value)}`)
}

/** Go's Sprint: a space between operands when neither is a string. */
function sprint(values: readonly unknown[]): string {
  let shown = ''
  values.forEach((value, i) => {
    if (i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string') shown += ' '
    shown += goPrint(value)
  })
  return shown
}

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: value => goJson(value),
  join: (list, separator) =>
    list === null || list === undefined ? '' : (list as unknown[]).map(goPrint).join(text(separator)),
  split: (value, separator) => text(value).split(text(separator)),
  lower: value => text(value).toLowerCase(),
  upper: value => text(value).toUpperCase(),
  title: value =>
    text(value).replace(
      /(^|[^\p{L}\p{N}'_])(\p{Ll})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  pad: (value, before, after) => {
    const shown = text(value)
    return shown === '' ? shown : ' '.repeat(Number(before)) + shown + ' '.repeat(Number(after))
  },
  truncate: (value, limit) => text(value).slice(0, Number(limit)),
  len: length,
  index,
  slice,
  print: (...values) => sprint(values),
  println: (...values) => `${values.map(goPrint).join(' ')}\n`,
  printf: (format, ...values) => goSprintf(text(format), values),
  not: value => !truth(value),
  eq: equal,
  ne: (a, b) => !equal(a, b),
  lt: less,
  le: (a, b) => less(a, b) || a === b,
  gt: (a, b) => less(b, a),
  ge: (a, b) => less(b, a) || a === b,
  html: value => goPrint(value).replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`),
  urlquery: value => encodeURIComponent(goPrint(value)).replaceAll('%20', '+'),
}
