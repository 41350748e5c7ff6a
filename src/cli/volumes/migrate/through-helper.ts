import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import type { Job, Moved, Report } from './job.ts'
import type { Link } from './link.ts'

export async function throughHelper(
  _context: Context,
  link: Link,
  _job: Job,
  _report: Report,
  _sides: { here: boolean; there: boolean },
): Promise<Moved> {
  throw new CliError(`${link.address} runs plain Docker: not supported yet`)
}
