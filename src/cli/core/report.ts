import { BerthError, messageOf } from '#lib/errors.ts'
import { CliError } from './command.ts'

/** What a user reads of an error; refusals of the daemon in Docker's form. */
export function errorText(error: unknown): string {
  if (error instanceof BerthError && error.details['status'] !== undefined) {
    return `Error response from daemon: ${error.message}`
  }
  if (error instanceof BerthError && error.details['connection'] === true) return messageOf(error)
  if (error instanceof CliError) return error.message
  return messageOf(error)
}
