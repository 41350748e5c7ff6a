import { FUNCTIONS, truth } from './functions.ts'
import { parseTemplate, type Call, type Node, type Pipeline, type Term } from './parse.ts'
import { goPrint } from './print.ts'

/** Turns one value into text. @throws Error in Go's words */
export type Template = (value: unknown) => string

/** What `missing` names: an error, as `inspect` has it, or `<no value>`. */
export interface TemplateOptions {
  missing?: 'error' | 'no value'
}

/**
 * Compiles the subset of Go's text/template that `--format` is used with: fields, methods with arguments, pipes,
 * `if`, `with`, `range`, variables, Docker's and Go's functions.
 */
export function compile(source: string, options: TemplateOptions = {}): Template {
  const at = ` :1`
  let nodes: Node[]
  try {
    nodes = parseTemplate(source)
  } catch (error) {
    throw new Error(`template parsing error: template:${at}: ${(error as Error).message}`, { cause: error })
  }
  return value => {
    const run = new Run(value, options.missing ?? 'error')
    run.nodes(nodes, value)
    return run.output
  }
}

/** Left a `range` early. */
type Flow = 'break' | 'continue' | undefined

class Run {
  output = ''
  readonly #missing: 'error' | 'no value'
  readonly #variables: [string, unknown][]

  constructor(root: unknown, missing: 'error' | 'no value') {
    this.#missing = missing
    this.#variables = [['$', root]]
  }

  nodes(nodes: readonly Node[], dot: unknown): Flow {
    const depth = this.#variables.length
    try {
      for (const node of nodes) {
        const flow = this.#node(node, dot)
        if (flow) return flow
      }
      return undefined
    } finally {
      this.#variables.length = depth
    }
  }

  #node(node: Node, dot: unknown): Flow {
    if (node.kind === 'text') this.output += node.text
    else if (node.kind === 'break' || node.kind === 'continue') return node.kind
    else if (node.kind === 'print') {
      const value = this.#pipeline(node.pipeline, dot)
      if (node.pipeline.variables.length === 0) this.output += value === undefined ? '<no value>' : goPrint(value)
    } else return this.#block(node, dot)
    return undefined
  }

  #block(node: Extract<Node, { otherwise: Node[] }>, dot: unknown): Flow {
    const depth = this.#variables.length
    try {
      if (node.kind === 'range') return this.#range(node, dot)
      const value = this.#pipeline(node.pipeline, dot, true)
      if (truth(value)) return this.nodes(node.body, node.kind === 'with' ? value : dot)
      return this.nodes(node.otherwise, dot)
    } finally {
      this.#variables.length = depth
    }
  }

  #range(node: Extract<Node, { otherwise: Node[] }>, dot: unknown): Flow {
    const { variables } = node.pipeline
    const value = this.#pipeline({ ...node.pipeline, variables: [] }, dot)
    let items: [unknown, unknown][] = []
    if (Array.isArray(value)) items = value.map((item, i) => [i, item])
    else if (typeof value === 'number') items = Array.from({ length: value }, (_, i) => [i, i])
    else if (value !== null && typeof value === 'object') {
      items = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    } else if (value !== null && value !== undefined) throw new Error(`range can't iterate over ${goPrint(value)}`)
    if (items.length === 0) return this.nodes(node.otherwise, dot)
    for (const [key, item] of items) {
      const depth = this.#variables.length
      if (variables.length === 1) this.#variables.push([variables[0]!, item])
      if (variables.length === 2) this.#variables.push([variables[0]!, key], [variables[1]!, item])
      const flow = this.nodes(node.body, item)
      this.#variables.length = depth
      if (flow === 'break') break
    }
    return undefined
  }

  /** @param lenient a missing field is nil here (conditions) */
  #pipeline(pipeline: Pipeline, dot: unknown, lenient = false): unknown {
    let value: unknown
    pipeline.calls.forEach((call, i) => {
      value = this.#call(call, dot, i === 0 ? [] : [value], lenient)
    })
    const name = pipeline.variables[0]
    if (name !== undefined) {
      const known = pipeline.assign ? this.#variables.findLast(([key]) => key === name) : undefined
      if (known) known[1] = value
      else this.#variables.push([name, value])
    }
    return value
  }

  #call([head, ...rest]: Call, dot: unknown, piped: unknown[], lenient: boolean): unknown {
    const { operand } = head!
    if (operand.kind !== 'function') {
      const args = [...rest.map(term => this.#term(term, dot, lenient)), ...piped]
      return this.#term(head!, dot, lenient, args)
    }
    const { name } = operand
    if (name === 'and' || name === 'or') {
      let value: unknown
      for (const next of [...rest.map(term => () => this.#term(term, dot, true)), ...piped.map(item => () => item)]) {
        value = next()
        if (truth(value) === (name === 'or')) break
      }
      return value
    }
    const call = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
    if (!call) throw new Error(`template parsing error: template: :1: function "${name}" not defined`)
    const args = [...rest.map(term => this.#term(term, dot, lenient || name === 'not')), ...piped]
    try {
      return this.#chain(call(...args), head!.fields, lenient)
    } catch (error) {
      throw new Error(`template: :1: executing "" at <${name}>: error calling ${name}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  #term(term: Term, dot: unknown, lenient: boolean, args: unknown[] = []): unknown {
    const { operand } = term
    let value: unknown = dot
    if (operand.kind === 'nil') value = null
    else if (operand.kind === 'literal') value = operand.value
    else if (operand.kind === 'pipeline') value = this.#pipeline(operand.pipeline, dot, lenient)
    else if (operand.kind === 'function') value = this.#call([{ operand, fields: [] }], dot, [], lenient)
    else if (operand.kind === 'variable') {
      const variable = this.#variables.findLast(([key]) => key === operand.name)
      if (!variable) throw new Error(`template parsing error: template: :1: undefined variable "${operand.name}"`)
      value = variable[1]
    }
    return this.#chain(value, term.fields, lenient, args)
  }

  #chain(start: unknown, fields: readonly string[], lenient: boolean, args: unknown[] = []): unknown {
    let value = start
    fields.forEach((field, i) => {
      const path = `.${fields.slice(0, i + 1).join('.')}`
      const owner = value as Record<string, unknown> | null | undefined
      const has = owner !== null && typeof owner === 'object' && !Array.isArray(owner) && field in owner
      if (!has) {
        if (lenient || this.#missing === 'no value') value = undefined
        else if (owner === null || owner === undefined) {
          throw new Error(`template: :1: executing "" at <${path}>: nil pointer evaluating interface {}.${field}`)
        } else if (typeof owner === 'object' && !Array.isArray(owner)) {
          throw new Error(`template: :1: executing "" at <${path}>: map has no entry for key "${field}"`)
        } else throw new Error(`template: :1: executing "" at <${path}>: can't evaluate field ${field}`)
        return
      }
      const found = owner[field]
      value =
        typeof found === 'function'
          ? (found as (...values: unknown[]) => unknown)(...(i === fields.length - 1 ? args : []))
          : found
    })
    return value
  }
}
