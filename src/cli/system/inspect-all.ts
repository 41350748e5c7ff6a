import type { Context } from '../core/context.ts'
import { CliError } from '../core/command.ts'
import { errorText } from '../core/report.ts'
import { compileDocument, printDocuments } from '../render/format.ts'

/**
 * Looks up each name and prints what was found, then the failures: the documents that exist are printed even when one
 * is missing, as Docker does.
 */
export async function inspectAll(
  context: Context,
  names: readonly string[],
  format: string,
  find: (name: string) => Promise<unknown>,
): Promise<void> {
  // A wrong template is wrong before anything is asked.
  if (format !== '' && format !== 'json') compileDocument(format)
  const found: unknown[] = []
  const failures: string[] = []
  for (const name of names) {
    try {
      found.push(await find(name))
    } catch (error) {
      failures.push(errorText(error))
    }
  }
  printDocuments(context, found, format)
  if (failures.length > 0) throw new CliError(failures.join('\n'))
}
