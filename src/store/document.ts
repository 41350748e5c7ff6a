/**
 * The values a store keeps: what JSON has, and bigints. Copies are made by hand because `structuredClone` costs ten
 * times as much for records of this size, and a list of 1,000 containers is read on every `ps`.
 */

/** A deep copy without `undefined` members. @throws TypeError for what JSON would silently lose (Map, Date, NaN, …) */
export function copyDocument<T>(value: T): T {
  return copy(value) as T
}

function copy(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) {
      const list: unknown[] = []
      for (const item of value) list.push(item === undefined ? null : copy(item))
      return list
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) throw refused(value.constructor?.name ?? 'object')
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key]
      if (member === undefined) continue
      if (key === '__proto__') define(result, key, copy(member))
      else result[key] = copy(member)
    }
    return result
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw refused(String(value))
  if (typeof value === 'function' || typeof value === 'symbol') throw refused(typeof value)
  return value
}

/** A user's label may be called `__proto__`: assigning it would set the prototype. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function refused(what: string): TypeError {
  return new TypeError(`a stored document cannot hold ${what}`)
}

/** Plain JSON, or JSON whose strings may be bigints in disguise. */
export type Encoding = 0 | 1

/** JSON text of a document; encoding 1 is used only where a bigint is inside. */
export function encodeDocument(value: unknown): { text: string; encoding: Encoding } {
  if (!holdsBigint(value)) return { text: JSON.stringify(value), encoding: 0 }
  const text = JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return `\0n${member}`
    if (typeof member === 'string' && member.startsWith('\0')) return `\0s${member}`
    return member
  })
  return { text, encoding: 1 }
}

export function decodeDocument(text: string, encoding: number): unknown {
  if (encoding === 0) return JSON.parse(text)
  return JSON.parse(text, (_key, member: unknown) => {
    if (typeof member !== 'string' || !member.startsWith('\0')) return member
    return member[1] === 'n' ? BigInt(member.slice(2)) : member.slice(2)
  })
}

function holdsBigint(value: unknown): boolean {
  if (typeof value === 'bigint') return true
  if (typeof value !== 'object' || value === null) return false
  for (const key of Object.keys(value)) {
    if (holdsBigint((value as Record<string, unknown>)[key])) return true
  }
  return false
}
