import { fields } from './ruleset.ts'
import type { Json } from './ruleset.ts'

/** A rule about as nft(8) writes it; what it does not know is left as JSON. */
export function ruleText(expressions: readonly Json[]): string {
  return expressions.map(statementText).filter(Boolean).join(' ')
}

function statementText(statement: Json): string {
  const [name = '', value = null] = Object.entries(fields(statement))[0] ?? []
  switch (name) {
    case 'match': {
      const { op, left, right } = fields(value)
      const operator = op === '==' || op === 'in' ? '' : `${String(op)} `
      return `${expressionText(left)} ${operator}${expressionText(right)}`
    }
    case 'counter':
      return 'counter'
    case 'limit':
    case 'log':
      return name
    case 'jump':
    case 'goto':
      return `${name} ${String(fields(value).target)}`
    case 'vmap':
      return `${expressionText(fields(value).key)} vmap ${expressionText(fields(value).data)}`
    case 'xt':
      return `xt ${String(fields(value).type)} ${String(fields(value).name)}`
    case 'reject':
      return 'reject'
    default:
      return value === null ? name : `${name} ${expressionText(value)}`
  }
}

function expressionText(expression: Json | undefined): string {
  if (expression === undefined || expression === null) return ''
  if (typeof expression !== 'object') return String(expression)
  if (Array.isArray(expression)) return expression.map(expressionText).join(',')
  const [name = '', value = null] = Object.entries(expression)[0] ?? []
  const inner = fields(value)
  switch (name) {
    case 'payload':
      return `${String(inner.protocol)} ${String(inner.field)}`
    case 'meta':
      return /^(iif|oif|skuid|skgid|mark|cgroup)/.test(String(inner.key))
        ? String(inner.key)
        : `meta ${String(inner.key)}`
    case 'ct':
      return `ct ${String(inner.key)}`
    case 'fib':
      return `fib ${expressionText(inner.flags)} ${String(inner.result)}`
    case 'concat':
      return Array.isArray(value) ? value.map(expressionText).join(' . ') : ''
    case 'set':
      return `{ ${(Array.isArray(value) ? value : [value]).map(expressionText).join(', ')} }`
    case 'prefix':
      return `${String(inner.addr)}/${String(inner.len)}`
    case 'range':
      return Array.isArray(value) ? value.map(expressionText).join('-') : ''
    case 'elem':
      return expressionText(inner.val)
    case '&':
      return Array.isArray(value) ? value.map(expressionText).join(' & ') : ''
    case '|':
      return Array.isArray(value) ? value.map(expressionText).join(' | ') : ''
    default:
      return JSON.stringify(expression)
  }
}
