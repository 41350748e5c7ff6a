import { invalid } from '#lib/errors.ts'

type Lookup = (name: string) => string | undefined

/** `["a", "b"]` as a list; undefined when the text is not such a list. */
export function jsonForm(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every(item => typeof item === 'string') ? (value as string[]) : undefined
  } catch {
    return undefined
  }
}

/** Splits at blanks outside quotes; quotes and backslashes stay in the words. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char === '\\' && quote !== "'" && i + 1 < text.length) word += char + text[++i]!
    else if (quote) {
      word += char
      if (char === quote) quote = ''
    } else if (/\s/.test(char)) {
      if (word) words.push(word)
      word = ''
    } else {
      word += char
      if (char === '"' || char === "'") quote = char
    }
  }
  if (word) words.push(word)
  return words
}

/** Removes quotes and puts in `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`; none in single quotes. */
export function expand(word: string, lookup: Lookup): string {
  let result = ''
  let quote = ''
  for (let i = 0; i < word.length; i++) {
    const char = word[i]!
    if (char === '\\' && quote !== "'") result += word[++i] ?? ''
    else if (quote === char) quote = ''
    else if (!quote && (char === '"' || char === "'")) quote = char
    else if (char === '$' && quote !== "'") {
      const match = /^\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/.exec(word.slice(i))
      if (!match) {
        result += char
        continue
      }
      const value = lookup(match[1] ?? match[2]!)
      if (match[3] === '-') result += value || match[4]!
      else if (match[3] === '+') result += value ? match[4]! : ''
      else result += value ?? ''
      i += match[0].length - 1
    } else result += char
  }
  return result
}

export const expandWords = (text: string, lookup: Lookup): string[] =>
  splitWords(text).map(word => expand(word, lookup))

/** `a=b c="d e"`, or the old form `a b c` where all but the first word is the value. */
export function keyValues(instruction: string, text: string, lookup: Lookup): [key: string, value: string][] {
  const words = splitWords(text)
  if (words[0] && !words[0].includes('=')) {
    const value = text.slice(words[0].length).trim()
    if (value === '') throw invalid(`${instruction} must have two arguments`)
    return [[expand(words[0], lookup), expand(value, lookup)]]
  }
  return words.map(word => {
    const at = word.indexOf('=')
    if (at < 0) throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`)
    const key = expand(word.slice(0, at), lookup)
    if (key === '') throw invalid(`${instruction} names can not be blank`)
    return [key, expand(word.slice(at + 1), lookup)]
  })
}
