import { createInterface } from 'node:readline/promises'
import type { Context } from './context.ts'

/** Asks `[y/N]`; anything but y is no. */
export async function confirm(context: Context, question: string): Promise<boolean> {
  const lines = createInterface({ input: context.stdin, output: context.stdout })
  const closed = new Promise<string>(resolve => lines.once('close', () => resolve('')))
  const answer = await Promise.race([lines.question(`${question} [y/N] `), closed])
  lines.close()
  return /^y(es)?$/i.test(answer.trim())
}
