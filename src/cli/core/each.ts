import { CliError } from './command.ts'
import type { Context } from './context.ts'
import { errorText } from './report.ts'

const AT_ONCE = 50

/**
 * Does the same to many objects at once and prints each line in the order of the arguments.
 * @throws one error with all the failures, after the rest is done
 */
export async function forEach(
  context: Context,
  names: readonly string[],
  work: (name: string) => Promise<string | void>,
): Promise<void> {
  const failures: string[] = []
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const running = names.slice(at, at + AT_ONCE).map(async name => work(name))
    for (const promise of running) promise.catch(() => {})
    for (const promise of running) {
      try {
        const line = await promise
        if (line !== undefined) context.print(line)
      } catch (error) {
        failures.push(errorText(error))
      }
    }
  }
  if (failures.length > 0) throw new CliError(failures.join('\n'))
}
