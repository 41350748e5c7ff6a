const BYTE_UNITS: Record<string, number> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/** `512m`, `1.5gb`, `64kib`, `1024` -> bytes (binary multiples); undefined when it is none. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text.trim())
  if (!match) return undefined
  return Math.floor(Number(match[1]) * 1024 ** (BYTE_UNITS[(match[2] ?? 'b').toLowerCase()] ?? 0))
}

const NANOS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12, d: 8.64e13 }

/** `1m30s`, `1.5h`, `500ms` -> nanoseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const piece = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/gy
  let total = 0
  let end = 0
  for (let match = piece.exec(text); match; match = piece.exec(text)) {
    total += Number(match[1]) * NANOS[match[2]!]!
    end = piece.lastIndex
  }
  return end > 0 && end === text.length ? Math.round(total) : undefined
}

/** Splits a command line as a POSIX shell would, without expansion. @returns undefined for an unclosed quote */
export function splitCommand(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (quote) {
      if (c === quote) quote = ''
      else if (c === '\\' && quote === '"' && i + 1 < text.length && '"\\$`\n'.includes(text[i + 1]!))
        word += text[++i]!
      else word += c
    } else if (c === '"' || c === "'") {
      quote = c
      word ??= ''
    } else if (c === '\\' && i + 1 < text.length) {
      word = (word ?? '') + text[++i]!
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + c
  }
  if (quote) return undefined
  if (word !== undefined) words.push(word)
  return words
}
