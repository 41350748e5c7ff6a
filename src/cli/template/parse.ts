import { lex, type Piece, type Token } from './lex.ts'

export type Operand =
  | { kind: 'dot' }
  | { kind: 'nil' }
  | { kind: 'literal'; value: string | number | boolean }
  | { kind: 'variable'; name: string }
  | { kind: 'function'; name: string }
  | { kind: 'pipeline'; pipeline: Pipeline }

/** An operand with a chain of fields: `.A.B`, `$x.C`, `(index . 0).D`. */
export interface Term {
  operand: Operand
  fields: string[]
}

/** Term and its arguments; in a pipeline the result goes on as the next one's last argument. */
export type Call = Term[]
export interface Pipeline {
  /** `$a, $b := …` (declare) or `$a = …` (assign). */
  variables: string[]
  assign: boolean
  calls: Call[]
}

export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'print'; pipeline: Pipeline }
  | { kind: 'if' | 'with' | 'range'; pipeline: Pipeline; body: Node[]; otherwise: Node[] }
  | { kind: 'break' }
  | { kind: 'continue' }

const KEYWORDS = new Set(['if', 'with', 'range', 'else', 'end', 'break', 'continue', 'define', 'template', 'block'])

/** @throws Error with Go's words where a template is wrong */
export function parseTemplate(source: string): Node[] {
  const pieces = lex(source)
  const cursor = { at: 0 }
  const nodes = parseNodes(pieces, cursor, '')
  if (cursor.at < pieces.length) {
    const word = keywordOf(pieces[cursor.at]!)
    throw new Error(`unexpected {{${word}}}`)
  }
  return nodes
}

function keywordOf(piece: Piece): string | undefined {
  if (!('tokens' in piece)) return undefined
  const first = piece.tokens.find(token => token.kind !== 'space')
  return first?.kind === 'word' && KEYWORDS.has(first.text) ? first.text : undefined
}

/** Reads until an `end` or `else` that is not its own, which stays at the cursor. */
function parseNodes(pieces: Piece[], cursor: { at: number }, inside: string): Node[] {
  const nodes: Node[] = []
  for (; cursor.at < pieces.length; cursor.at++) {
    const piece = pieces[cursor.at]!
    if ('text' in piece) {
      nodes.push({ kind: 'text', text: piece.text })
      continue
    }
    const keyword = keywordOf(piece)
    if (keyword === 'end' || keyword === 'else') return nodes
    const reader = new Reader(piece.tokens)
    if (keyword === undefined) nodes.push({ kind: 'print', pipeline: reader.all() })
    else {
      reader.skipWord()
      if (keyword === 'if' || keyword === 'with' || keyword === 'range') {
        nodes.push(parseBlock(pieces, cursor, keyword, reader.all()))
      } else if (keyword === 'break' || keyword === 'continue') nodes.push({ kind: keyword })
      else throw new Error(`{{${keyword}}} is not supported`)
    }
  }
  if (inside !== '') throw new Error('unexpected EOF')
  return nodes
}

function parseBlock(pieces: Piece[], cursor: { at: number }, kind: 'if' | 'with' | 'range', pipeline: Pipeline): Node {
  cursor.at++
  const body = parseNodes(pieces, cursor, kind)
  let otherwise: Node[] = []
  const piece = pieces[cursor.at]!
  if (keywordOf(piece) === 'else' && 'tokens' in piece) {
    const reader = new Reader(piece.tokens)
    reader.skipWord()
    const chained = reader.keyword()
    if (chained === 'if' || chained === 'with') {
      // `else if` shares the `end` of its `if`.
      reader.skipWord()
      return { kind, pipeline, body, otherwise: [parseBlock(pieces, cursor, chained, reader.all())] }
    }
    cursor.at++
    otherwise = parseNodes(pieces, cursor, kind)
    if (keywordOf(pieces[cursor.at]!) !== 'end') throw new Error('expected end; found {{else}}')
  }
  return { kind, pipeline, body, otherwise }
}

class Reader {
  readonly #tokens: Token[]
  #at = 0

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  #skipSpace(): void {
    while (this.#tokens[this.#at]?.kind === 'space') this.#at++
  }

  skipWord(): void {
    this.#skipSpace()
    this.#at++
  }

  keyword(): string | undefined {
    this.#skipSpace()
    const token = this.#tokens[this.#at]
    return token?.kind === 'word' ? token.text : undefined
  }

  /** The rest of the action as one pipeline. */
  all(): Pipeline {
    const pipeline = this.#pipeline()
    this.#skipSpace()
    if (this.#at < this.#tokens.length) throw new Error(`unexpected ${show(this.#tokens[this.#at]!)} in command`)
    return pipeline
  }

  #symbol(text: string): boolean {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'symbol' || token.text !== text) return false
    this.#at++
    return true
  }

  #pipeline(): Pipeline {
    const pipeline: Pipeline = { variables: [], assign: false, calls: [] }
    const start = this.#at
    for (;;) {
      this.#skipSpace()
      const token = this.#tokens[this.#at]
      if (token?.kind !== 'variable') break
      this.#at++
      pipeline.variables.push(token.text)
      this.#skipSpace()
      if (!this.#symbol(',')) break
    }
    const declares = this.#symbol(':=')
    pipeline.assign = !declares && this.#symbol('=')
    if (!declares && !pipeline.assign) {
      pipeline.variables = []
      this.#at = start
    }
    do pipeline.calls.push(this.#call())
    while (this.#symbol('|'))
    return pipeline
  }

  #call(): Call {
    const terms: Call = []
    for (;;) {
      this.#skipSpace()
      const token = this.#tokens[this.#at]
      if (!token || (token.kind === 'symbol' && (token.text === '|' || token.text === ')'))) break
      terms.push(this.#term())
    }
    if (terms.length === 0) throw new Error('missing value for command')
    return terms
  }

  #term(): Term {
    const token = this.#tokens[this.#at]!
    let operand: Operand
    if (token.kind === 'field') operand = { kind: 'dot' }
    else {
      this.#at++
      operand = this.#operand(token)
    }
    const fields: string[] = []
    for (let next = this.#tokens[this.#at]; next?.kind === 'field'; next = this.#tokens[++this.#at])
      fields.push(next.text)
    return { operand, fields }
  }

  #operand(token: Token): Operand {
    if (token.kind === 'variable') return { kind: 'variable', name: token.text }
    if (token.kind === 'string') return { kind: 'literal', value: token.text }
    if (token.kind === 'number') return { kind: 'literal', value: token.value }
    if (token.kind === 'word') {
      if (token.text === 'true' || token.text === 'false') return { kind: 'literal', value: token.text === 'true' }
      return token.text === 'nil' ? { kind: 'nil' } : { kind: 'function', name: token.text }
    }
    if (token.kind === 'symbol' && token.text === '.') return { kind: 'dot' }
    if (token.kind === 'symbol' && token.text === '(') {
      const pipeline = this.#pipeline()
      this.#skipSpace()
      if (!this.#symbol(')')) throw new Error('unclosed left paren')
      return { kind: 'pipeline', pipeline }
    }
    throw new Error(`unexpected ${show(token)} in operand`)
  }
}

function show(token: Token): string {
  if (token.kind === 'number') return `<${token.value}>`
  return token.kind === 'space' ? '<space>' : `<${token.text}>`
}
