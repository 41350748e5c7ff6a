import { invalid } from '#lib/errors.ts'
import { parseBytes, parseDuration, splitCommand } from './units.ts'

/** Where a value stands: `services.web.ports[0]`. */
export type Path = readonly (string | number)[]

/** Checks a value and writes it in its long form. @throws invalid that begins with the dotted path */
export type Field<T> = (value: unknown, path: Path) => T

export function dotted(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}

export function wrong(path: Path, problem: string): Error {
  return invalid(`${dotted(path)} ${problem}`, { details: { path } })
}

export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

export const string: Field<string> = (value, path) => {
  if (!isScalar(value)) throw wrong(path, 'must be a string')
  return String(value)
}

export const boolean: Field<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (/^(true|yes|on|1)$/i.test(value)) return true
    if (/^(false|no|off|0|)$/i.test(value)) return false
  }
  throw wrong(path, 'must be a boolean')
}

export const number: Field<number> = (value, path) => {
  const result = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof result !== 'number' || Number.isNaN(result)) throw wrong(path, 'must be a number')
  return result
}

export const integer: Field<number> = (value, path) => {
  const result = number(value, path)
  if (!Number.isInteger(result)) throw wrong(path, 'must be an integer')
  return result
}

/** Permission bits; text is octal. */
export const fileMode: Field<number> = (value, path) => {
  const result = typeof value === 'string' && /^0?o?[0-7]+$/.test(value) ? parseInt(value.replace('o', ''), 8) : value
  if (!Number.isInteger(result)) throw wrong(path, `must be an octal mode such as 0440, not ${JSON.stringify(value)}`)
  return result as number
}

/** Nanoseconds. */
export const duration: Field<number> = (value, path) => {
  const result = isScalar(value) ? parseDuration(String(value)) : undefined
  if (result === undefined) throw wrong(path, `must be a duration such as 1m30s, not ${JSON.stringify(value)}`)
  return result
}

/** Whole seconds, rounded up. */
export const seconds: Field<number> = (value, path) => Math.ceil(duration(value, path) / 1e9)

export const bytes: Field<number> = (value, path) => {
  if (value === -1 || value === '-1') return -1
  const result = isScalar(value) ? parseBytes(String(value)) : undefined
  if (result === undefined) throw wrong(path, `must be a size such as 512m, not ${JSON.stringify(value)}`)
  return result
}

/** A list of scalars, or one scalar. */
export const strings: Field<string[]> = (value, path) => {
  if (isScalar(value)) return [String(value)]
  return list(string)(value, path)
}

export const list =
  <T>(item: Field<T>): Field<T[]> =>
  (value, path) => {
    if (value === null || value === undefined) return []
    if (!Array.isArray(value)) throw wrong(path, 'must be a list')
    return value.map((one, index) => item(one, [...path, index]))
  }

export const mapOf =
  <T>(item: Field<T>): Field<Record<string, T>> =>
  (value, path) => {
    if (value === null || value === undefined) return {}
    if (!isMap(value)) throw wrong(path, 'must be a mapping')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, item(one, [...path, key])]))
  }

/** A mapping, or a list of `KEY=value` or `KEY` (null). */
export const nullableMap: Field<Record<string, string | null>> = (value, path) => {
  if (Array.isArray(value)) {
    return Object.fromEntries(
      value.map((item, index) => {
        const text = string(item, [...path, index])
        const at = text.indexOf('=')
        return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
      }),
    )
  }
  return mapOf<string | null>((one, at) => (one === null ? null : string(one, at)))(value, path)
}

/** As nullableMap, with '' for a missing value. */
export const stringMap: Field<Record<string, string>> = (value, path) =>
  Object.fromEntries(Object.entries(nullableMap(value, path)).map(([key, one]) => [key, one ?? '']))

/** A list of arguments, or a line that is split as a shell would. */
export const command: Field<string[]> = (value, path) => {
  if (value === null) return []
  if (!isScalar(value)) return list(string)(value, path)
  const words = splitCommand(String(value))
  if (!words) throw wrong(path, 'has a quote that is never closed')
  return words
}

/** A mapping with these keys only; `x-…` extensions that are none of ours are dropped. Absent keys stay absent. */
export const object =
  <T>(fields: { [K in keyof T]-?: Field<NonNullable<T[K]>> }): Field<Partial<T>> =>
  (value, path) => {
    if (!isMap(value)) throw wrong(path, 'must be a mapping')
    const result: Record<string, unknown> = {}
    for (const [key, one] of Object.entries(value)) {
      if (key.startsWith('x-') && !Object.hasOwn(fields, key)) continue
      const field = (fields as Record<string, Field<unknown>>)[key]
      if (!Object.hasOwn(fields, key) || !field) throw wrong([...path], `additional property '${key}' is not allowed`)
      if (one !== null || key === 'command' || key === 'entrypoint') result[key] = field(one, [...path, key])
    }
    return result as Partial<T>
  }

export const oneOf =
  <T extends string>(...words: T[]): Field<T> =>
  (value, path) => {
    if (!words.includes(value as T))
      throw wrong(path, `must be one of ${words.join(', ')}, not ${JSON.stringify(value)}`)
    return value as T
  }

/** Passes a value on unchecked, for parts that another stage reads. */
export const anything: Field<NonNullable<unknown>> = value => value as NonNullable<unknown>
