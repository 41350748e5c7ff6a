import type { Json } from './ruleset.ts'

/**
 * Expressions of a rule from the text that nft(8) prints. Only for rules of iptables-nft: JSON has nothing but the names of
 * its extensions (`xt`), whereas the text is translated. What is not understood becomes a match that nobody can evaluate,
 * so that a verdict behind it is unsure and never wrong.
 */
export function translate(text: string): Json[] {
  return new Reader(tokensOf(text)).rule()
}

/** Words, quoted strings, and sets as one token each. */
function tokensOf(text: string): string[] {
  return [...text.replace(/ # handle \d+$/, '').matchAll(/"[^"]*"|\{[^}]*\}|[^\s{}"]+/g)].map(([token]) => token)
}

const PAYLOADS = new Set(['ip', 'ip6', 'tcp', 'udp', 'th', 'icmp', 'icmpv6', 'sctp', 'dccp', 'udplite', 'esp', 'ah'])
const DEVICES = new Set(['iifname', 'oifname', 'iif', 'oif'])
const OPERATORS = new Set(['==', '!=', '<', '>', '<=', '>='])

class Reader {
  readonly #tokens: string[]
  #at = 0

  constructor(tokens: string[]) {
    this.#tokens = tokens
  }

  rule(): Json[] {
    const found: Json[] = []
    while (this.#at < this.#tokens.length) {
      const statement = this.#statement(this.#next())
      if (statement !== undefined) found.push(statement)
    }
    return found
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? ''
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? ''
  }

  /** A target that ends the rule takes the rest with it. */
  #rest(): string[] {
    return this.#tokens.splice(this.#at)
  }

  #statement(word: string): Json | undefined {
    switch (word) {
      case 'counter':
        if (this.#peek() === 'packets') this.#at += 4
        return undefined
      case 'comment':
        this.#at++
        return undefined
      case 'accept':
      case 'drop':
      case 'return':
      case 'continue':
        return { [word]: null }
      case 'jump':
      case 'goto':
        return { [word]: { target: this.#next() } }
      case 'limit':
        return this.#limit()
      case 'log':
        return { log: { text: this.#rest().join(' ') } }
      case 'reject':
      case 'masquerade':
      case 'snat':
      case 'redirect':
        this.#rest()
        return { [word]: null }
      case 'dnat':
        return dnat(this.#rest())
      default:
        return this.#match(word)
    }
  }

  #limit(): Json {
    this.#at++
    const over = this.#peek() === 'over'
    this.#at += over ? 2 : 1
    if (this.#peek() === 'burst') this.#at += 3
    return { limit: { inv: over } }
  }

  #match(word: string): Json {
    const left = this.#field(word)
    if (left === undefined) return unknown(word)
    if (this.#peek() === 'set') {
      this.#rest()
      return { mangle: { key: left, value: null } }
    }
    if (this.#peek() === '&' || this.#peek() === 'and') {
      this.#at += 2
      if (OPERATORS.has(this.#peek())) this.#at += 2
      return unknown(word)
    }
    const op = OPERATORS.has(this.#peek()) ? this.#next() : '=='
    const value = this.#next()
    if (this.#peek() === '/') {
      this.#at++
      return { match: { op, left: { '&': [left, valueOf(this.#next())] }, right: valueOf(value) } }
    }
    return { match: { op, left, right: valueOf(value) } }
  }

  #field(word: string): Json | undefined {
    if (DEVICES.has(word)) return { meta: { key: word } }
    if (word === 'meta') return { meta: { key: this.#next() } }
    if (word === 'ct') return { ct: { key: this.#next() } }
    if (PAYLOADS.has(word)) return { payload: { protocol: word, field: this.#next() } }
    if (word === 'fib') {
      const flags = [this.#next()]
      while (this.#peek() === '.') {
        this.#at++
        flags.push(this.#next())
      }
      return { fib: { flags, result: this.#next() } }
    }
    return undefined
  }
}

const unknown = (name: string): Json => ({ xt: { type: 'match', name } })

/** `to 10.0.0.2:80`, `to [fd00::2]:80`. */
function dnat([, target = '']: string[]): Json {
  const [, v6, v4, port] = /^(?:\[(.+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(target) ?? []
  return { dnat: { addr: v6 ?? v4 ?? target, ...(port !== undefined && { port: Number(port) }) } }
}

function valueOf(text: string): Json {
  if (text.startsWith('{')) {
    const inner = text.slice(1, -1).split(',')
    return { set: inner.map(part => one(part.trim())) }
  }
  return text.includes(',') && !text.startsWith('"') ? text.split(',').map(one) : one(text)
}

function one(text: string): Json {
  if (text.startsWith('"')) return text.slice(1, -1)
  if (/^(0x[0-9a-f]+|\d+)$/.test(text)) return Number(text)
  const prefix = /^(.+)\/(\d+)$/.exec(text)
  if (prefix) return { prefix: { addr: prefix[1]!, len: Number(prefix[2]) } }
  // Names have dashes too: echo-request.
  const range = /^([\d.]+|[\da-f:]*:[\da-f:]*)-([\d.]+|[\da-f:]*:[\da-f:]*)$/.exec(text)
  return range ? { range: [one(range[1]!), one(range[2]!)] } : text
}
