import { invalid } from '#lib/errors.ts'
import { interpolate, type Lookup } from './interpolate.ts'

/**
 * Parses a `.env` file: `KEY=value`, `export KEY=value`, comments, single quotes (literal), double quotes (escapes and
 * interpolation), values over several lines in quotes. A line `KEY` alone takes the value of `lookup`, if any.
 *
 * @throws invalid naming file and line
 */
export function parseDotenv(text: string, file: string, lookup: Lookup): Record<string, string> {
  const result: Record<string, string> = {}
  const resolve: Lookup = name => lookup(name) ?? result[name]
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trimStart().replace(/^export\s+/, '')
    if (line === '' || line.startsWith('#')) continue
    const match = /^([\w.-]+)\s*(?:[=:]\s?(.*))?$/s.exec(line)
    if (!match || /^[\d]/.test(match[1]!))
      throw invalid(`${file}:${i + 1}: expected KEY=value, not ${JSON.stringify(line)}`)
    const [, key, raw] = match as unknown as [string, string, string | undefined]
    if (raw === undefined) {
      const value = lookup(key)
      if (value !== undefined) result[key] = value
      continue
    }
    const value = raw.trimStart()
    const quote = value[0]
    if (quote !== '"' && quote !== "'") {
      result[key] = interpolate(value.replace(/\s+#.*$/, '').trimEnd(), resolve)
      continue
    }
    const start = i
    let body = value.slice(1)
    let end = closingQuote(body, quote)
    while (end < 0) {
      if (++i >= lines.length) throw invalid(`${file}:${start + 1}: the quote that opens ${key} is never closed`)
      body += `\n${lines[i]!}`
      end = closingQuote(body, quote)
    }
    const inner = body.slice(0, end)
    result[key] = quote === "'" ? inner : interpolate(unescape(inner), resolve)
  }
  return result
}

function closingQuote(text: string, quote: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && quote === '"') i++
    else if (text[i] === quote) return i
  }
  return -1
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' }

const unescape = (text: string) => text.replace(/\\(.)/g, (all, char: string) => ESCAPES[char] ?? all)
