export type Token =
  | { kind: 'field'; text: string }
  | { kind: 'word'; text: string }
  | { kind: 'variable'; text: string }
  | { kind: 'string'; text: string }
  | { kind: 'number'; value: number }
  | { kind: 'symbol'; text: string }
  | { kind: 'space' }

export type Piece = { text: string } | { tokens: Token[]; at: number }

/** Splits a Go template into text and actions; `{{-` and `-}}` trim, comments vanish. */
export function lex(source: string): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  let trimNext = false
  while (at < source.length) {
    const open = source.indexOf('{{', at)
    let text = source.slice(at, open < 0 ? undefined : open)
    if (trimNext) text = text.trimStart()
    if (open < 0) {
      pieces.push({ text })
      break
    }
    const trimBefore = /^-\s/.test(source.slice(open + 2, open + 4))
    if (trimBefore) text = text.trimEnd()
    if (text !== '') pieces.push({ text })
    const { tokens, end, trimAfter } = lexAction(source, open + (trimBefore ? 3 : 2))
    trimNext = trimAfter
    if (tokens.length > 0) pieces.push({ tokens, at: open })
    at = end
  }
  return pieces
}

const SPACE = /\s+/y
const COMMENT = /\/\*[\s\S]*?\*\//y
const CLOSE = /(\s-)?\}\}/y
const FIELD = /\.[\p{L}_][\p{L}\p{N}_]*/uy
const VARIABLE = /\$[\p{L}\p{N}_]*/uy
const WORD = /[\p{L}_][\p{L}\p{N}_]*/uy
const NUMBER = /[+-]?(0x[\da-fA-F_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*(\.\d*)?([eE][+-]?\d+)?|\.\d+)/y
const QUOTED = /"(?:[^"\\\n]|\\.)*"/y
const RAW = /`[^`]*`/y
const CHARACTER = /'(?:[^'\\\n]|\\.)+'/y
const SYMBOL = /:=|[=|(),.]/y

function lexAction(source: string, start: number): { tokens: Token[]; end: number; trimAfter: boolean } {
  const tokens: Token[] = []
  let at = start
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (!match) return undefined
    at += match[0].length
    return match[0]
  }
  for (;;) {
    if (at >= source.length) throw new Error('unclosed action')
    const closed = take(CLOSE)
    if (closed !== undefined) return { tokens, end: at, trimAfter: closed.includes('-') }
    let text: string | undefined
    if (take(SPACE) !== undefined) tokens.push({ kind: 'space' })
    else if (take(COMMENT) !== undefined) continue
    else if ((text = take(FIELD)) !== undefined) tokens.push({ kind: 'field', text: text.slice(1) })
    else if ((text = take(VARIABLE)) !== undefined) tokens.push({ kind: 'variable', text })
    else if ((text = take(QUOTED)) !== undefined) tokens.push({ kind: 'string', text: unquote(text) })
    else if ((text = take(RAW)) !== undefined) tokens.push({ kind: 'string', text: text.slice(1, -1) })
    else if ((text = take(CHARACTER)) !== undefined) {
      tokens.push({ kind: 'number', value: unquote(`"${text.slice(1, -1)}"`).codePointAt(0)! })
    } else if ((text = take(NUMBER)) !== undefined)
      tokens.push({ kind: 'number', value: Number(text.replaceAll('_', '')) })
    else if ((text = take(WORD)) !== undefined) tokens.push({ kind: 'word', text })
    else if ((text = take(SYMBOL)) !== undefined) tokens.push({ kind: 'symbol', text })
    else throw new Error(`unexpected ${JSON.stringify(source[at])} in operand`)
  }
}

/** Go's escapes are JSON's and a few more. */
function unquote(text: string): string {
  const json = text.replace(/\\(x[\da-fA-F]{2}|[av']|U[\da-fA-F]{8})/g, (_, escape: string) => {
    if (escape[0] === 'x') return `\\u00${escape.slice(1)}`
    if (escape[0] === 'U')
      return JSON.stringify(String.fromCodePoint(Number.parseInt(escape.slice(1), 16))).slice(1, -1)
    return escape === "'" ? "'" : escape === 'a' ? '\\u0007' : '\\u000b'
  })
  return JSON.parse(json) as string
}
