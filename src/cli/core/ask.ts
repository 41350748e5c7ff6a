import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Context } from './context.ts'

/** One line of the terminal's user; hidden ones are not echoed. */
export async function ask(context: Context, question: string, options: { hidden?: boolean } = {}): Promise<string> {
  context.stdout.write(question)
  const output = options.hidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : context.stdout
  const lines = createInterface({ input: context.stdin, output, terminal: context.stdin.isTTY })
  try {
    return (await lines.question('')).trim()
  } finally {
    lines.close()
    if (options.hidden) context.stdout.write('\n')
  }
}
