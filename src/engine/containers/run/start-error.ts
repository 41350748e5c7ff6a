import { BerthError, messageOf } from '#lib/errors.ts'

/** Why a container or exec could not start, as Docker puts it, with the exit code that goes with it. */
export interface StartFailure {
  error: BerthError
  exitCode: number
}

/**
 * Docker's command line derives its own exit code from these words: 127 from `executable file not found` and
 * `no such file or directory`, 126 from `permission denied`. The runtime's own words are kept.
 */
export function startFailure(cause: unknown): StartFailure {
  const lead =
    'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: '
  return failure(cause, lead, 128)
}

export function execFailure(cause: unknown): StartFailure {
  return failure(cause, 'OCI runtime exec failed: exec failed: ', 126)
}

function failure(cause: unknown, lead: string, otherCode: number): StartFailure {
  const reason = cause instanceof BerthError ? cause.details['reason'] : undefined
  const words = messageOf(cause).replace(/^OCI runtime \w+ failed: /, '')
  // Not as `cause`: its words are in the message already, only worded anew.
  const details = { reason, runtime: messageOf(cause) }
  switch (reason) {
    case 'command-not-found':
      return { error: new BerthError('invalid', `${lead}${words}: unknown`, { details }), exitCode: 127 }
    case 'not-executable':
      return { error: new BerthError('invalid', `${lead}${words}: unknown`, { details }), exitCode: 126 }
    case 'other':
      return { error: new BerthError('system', `${lead}${words}: unknown`, { details }), exitCode: otherCode }
    default: {
      const error = cause instanceof BerthError ? cause : new BerthError('system', messageOf(cause), { cause })
      return { error, exitCode: otherCode }
    }
  }
}
