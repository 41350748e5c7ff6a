import type { Context } from '../../core/context.ts'
import { humanDuration, humanSize } from '../../render/units.ts'

/** Milliseconds between two looks. */
const EVERY = 500
/** Milliseconds over which the rate is measured. */
const WINDOW = 5000

export interface Amount {
  bytes: number
  /** -1: nobody knows. */
  total: number
  /** `stored 12MB`. */
  note?: string
}

/**
 * A line on the terminal that says how far it is, how fast, and how long it takes; nothing elsewhere.
 *
 * @param look asked twice a second; what it throws is ignored
 * @returns ends it; the line is gone then
 */
export function meter(context: Context, quiet: boolean, look: () => Promise<Amount | undefined>): () => void {
  const { stderr } = context
  if (quiet || !stderr.isTTY) return () => {}
  const samples: { at: number; bytes: number }[] = []
  let over = false
  const draw = async () => {
    const amount = await look().catch(() => undefined)
    if (!amount || over) return
    const now = performance.now()
    samples.push({ at: now, bytes: amount.bytes })
    while (samples[0]!.at < now - WINDOW) samples.shift()
    const line = describe(amount, rateOf(samples))
    stderr.write(`\r\u001b[2K${line.slice(0, (stderr.columns || 80) - 1)}`)
  }
  const timer = setInterval(() => void draw(), EVERY)
  return () => {
    over = true
    clearInterval(timer)
    if (samples.length > 0) stderr.write('\r\u001b[2K')
  }
}

function rateOf(samples: readonly { at: number; bytes: number }[]): number {
  const [first, last] = [samples[0]!, samples.at(-1)!]
  return last.at === first.at ? 0 : ((last.bytes - first.bytes) * 1000) / (last.at - first.at)
}

/** @param rate bytes a second */
export function describe({ bytes, total, note }: Amount, rate: number): string {
  const parts = [humanSize(bytes, 3)]
  // What is on disk and what is in files differ a little.
  if (total > 0) parts[0] += ` of ${humanSize(Math.max(total, bytes), 3)}`
  if (rate > 0) parts.push(`${humanSize(rate, 3)}/s`)
  if (rate > 0 && total > bytes) parts.push(`${humanDuration(((total - bytes) / rate) * 1000)} left`)
  if (note) parts.push(note)
  return parts.join(', ')
}
