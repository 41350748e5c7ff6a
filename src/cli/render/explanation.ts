import type { Explanation, Hop, Verdict } from '#model/explain.ts'
import { unsupportedFormat } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { wrap } from '../core/help.ts'
import { NOT_ASKED } from '../core/target.ts'
import { isUtf8 } from './locale.ts'
import { textWidth } from './table.ts'

/** What scripts go by, of `network explain` and `compose explain` alike. */
const EXIT_CODES: Record<Verdict, number> = { reachable: 0, blocked: 1, unknown: 2 }

const GREEN = 32
const RED = 31
const YELLOW = 33
const GREY = 90

const MARKS: Record<Hop['status'], { mark: string; plain: string; colour: number }> = {
  ok: { mark: '✓', plain: '+', colour: GREEN },
  fail: { mark: '✗', plain: 'x', colour: RED },
  warn: { mark: '!', plain: '!', colour: YELLOW },
  skip: { mark: '-', plain: '-', colour: GREY },
}

const VERDICTS: Record<Verdict, number> = { reachable: GREEN, blocked: RED, unknown: YELLOW }

const WIDEST_SUBJECT = 34

/** Prints an explanation, for people or (`--format json`) for programs. @returns the exit code */
export function printExplanation(context: Context, explanation: Explanation, format: string): number {
  if (format === 'json') context.print(JSON.stringify(explanation, null, 2))
  else if (format === '' || format === 'text') {
    const { colour, columns } = context
    context.stdout.write(renderExplanation(explanation, { colour, columns, unicode: isUtf8(context.env) }))
  } else throw unsupportedFormat(format, ['text', 'json'], NOT_ASKED)
  return EXIT_CODES[explanation.verdict]
}

/** One line a hop, then the verdict, the failing hop, its cause and what mends it. */
export function renderExplanation(
  explanation: Explanation,
  options: { colour?: boolean; columns?: number; unicode?: boolean } = {},
): string {
  const { colour = false, columns, unicode = true } = options
  const paint = (text: string, code: number) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const { from, to, port, protocol, verdict, cause, others, hops } = explanation
  const arrow = unicode ? '→' : '->'
  const lines = [`${from} ${arrow} ${to}${port > 0 ? `:${port}/${protocol}` : ''}`, '']

  const subjects = hops.map(hop => textWidth(hop.subject)).filter(width => width <= WIDEST_SUBJECT)
  const subjectWidth = Math.max(0, ...subjects)
  const indent = subjectWidth + 6
  for (const { status, subject, detail } of hops) {
    const { mark, plain, colour: code } = MARKS[status]
    const head = `  ${paint(unicode ? mark : plain, code)} `
    const room = columns === undefined ? Infinity : Math.max(24, columns - indent)
    const [first = '', ...rest] = wrap(detail, room)
    const pad = Math.max(0, subjectWidth - textWidth(subject))
    lines.push(`${head}${subject}${detail ? `${' '.repeat(pad)}  ${first}` : ''}`)
    lines.push(...rest.map(line => ' '.repeat(indent) + line))
  }
  if (hops.length > 0) lines.push('')

  const summary = cause ? `: ${cause.summary}` : verdict === 'unknown' ? ': nothing that was looked at says why' : ''
  lines.push(`${paint(verdict, VERDICTS[verdict])}${summary}`)
  const failing = hops.find(hop => hop.status === 'fail')
  if (failing && verdict !== 'reachable') lines.push(`at:   ${failing.subject}`)
  if (cause?.fix) lines.push(`mend: ${cause.fix}`)
  for (const other of others) {
    lines.push(`then: ${other.summary}`)
    if (other.fix) lines.push(`mend: ${other.fix}`)
  }
  return lines.map(line => `${line}\n`).join('')
}
