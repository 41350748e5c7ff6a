import { invalid } from '#lib/errors.ts'

export type Lookup = (name: string) => string | undefined

/**
 * Replaces `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?error}`, `${VAR?error}`, `${VAR:+other}` and
 * `${VAR+other}` in one string; `$$` is a dollar sign; defaults may nest (Compose specification, "Interpolation").
 *
 * @param onUnset told of each plain reference to an unset variable, which becomes ''
 * @throws invalid for a malformed expression or a required variable
 */
export function interpolate(text: string, lookup: Lookup, onUnset: (name: string) => void = () => {}): string {
  let out = ''
  let at = 0
  while (at < text.length) {
    const dollar = text.indexOf('$', at)
    if (dollar < 0) return out + text.slice(at)
    out += text.slice(at, dollar)
    const next = text[dollar + 1]
    if (next === '$') {
      out += '$'
      at = dollar + 2
    } else if (next === '{') {
      const end = closingBrace(text, dollar + 2)
      if (end < 0) throw malformed(text)
      out += expand(text.slice(dollar + 2, end), text, lookup, onUnset)
      at = end + 1
    } else {
      const name = /^[a-zA-Z_]\w*/.exec(text.slice(dollar + 1))?.[0]
      if (!name) throw malformed(text)
      out += valueOf(name, lookup, onUnset)
      at = dollar + 1 + name.length
    }
  }
  return out
}

function expand(body: string, whole: string, lookup: Lookup, onUnset: (name: string) => void): string {
  const match = /^([a-zA-Z_]\w*)(?:(:?[-?+])([\s\S]*))?$/.exec(body)
  if (!match) throw malformed(whole)
  const [, name, operator, word = ''] = match as unknown as [string, string, string | undefined, string | undefined]
  if (!operator) return valueOf(name, lookup, onUnset)
  const value = lookup(name)
  const present = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
  switch (operator.at(-1)) {
    case '-':
      return present ? value! : interpolate(word, lookup, onUnset)
    case '+':
      return present ? interpolate(word, lookup, onUnset) : ''
    default:
      if (present) return value!
      throw invalid(`required variable ${name} is missing a value: ${interpolate(word, lookup, onUnset)}`)
  }
}

function valueOf(name: string, lookup: Lookup, onUnset: (name: string) => void): string {
  const value = lookup(name)
  if (value === undefined) onUnset(name)
  return value ?? ''
}

function closingBrace(text: string, from: number): number {
  let depth = 1
  for (let i = from; i < text.length; i++) {
    if (text[i] === '$' && text[i + 1] === '{') {
      depth++
      i++
    } else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

const malformed = (text: string) =>
  invalid(`invalid interpolation format ${JSON.stringify(text)}: you may need to escape any $ with another $`)

/** Interpolates every string value (not keys) of a parsed document. `describe` names the place in an error. */
export function interpolateTree(
  node: unknown,
  lookup: Lookup,
  onUnset: (name: string) => void,
  path: (string | number)[],
  describe: (path: (string | number)[]) => string,
): unknown {
  if (typeof node === 'string') {
    if (!node.includes('$')) return node
    try {
      return interpolate(node, lookup, onUnset)
    } catch (cause) {
      throw invalid(`${describe(path)}: ${(cause as Error).message}`, { cause })
    }
  }
  if (Array.isArray(node)) {
    return node.map((item, index) => interpolateTree(item, lookup, onUnset, [...path, index], describe))
  }
  if (typeof node === 'object' && node !== null) {
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        interpolateTree(value, lookup, onUnset, [...path, key], describe),
      ]),
    )
  }
  return node
}
