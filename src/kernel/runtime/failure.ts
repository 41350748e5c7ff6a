import { BerthError, system } from '#lib/errors.ts'

export type FailureReason = 'command-not-found' | 'not-executable' | 'other'

/**
 * A runtime's failure in the words that Docker's clients match on: they derive their exit code (127, 126, 125) from
 * `executable file not found`, `no such file or directory`, `permission denied` and `is a directory`.
 *
 * @param verb `create`, `exec` or `start`
 * @param text what the runtime said
 * @param command the program that was to run
 */
export function runtimeFailure(verb: string, text: string, command: string): BerthError {
  const reason = reasonOf(text)
  const prefix = `OCI runtime ${verb} failed: `
  const details = { reason, output: text }
  if (reason === 'other') return system(prefix + tidy(text), { details })
  const problem =
    reason === 'not-executable'
      ? /is a directory|not permitted/i.test(text)
        ? 'is a directory'
        : 'permission denied'
      : command.includes('/')
        ? `stat ${command}: no such file or directory`
        : 'executable file not found in $PATH'
  return new BerthError('invalid', `${prefix}unable to start container process: exec: "${command}": ${problem}`, {
    details,
  })
}

/** crun 1.8: "executable file `X` not found in $PATH", "open executable: …". runc 1.1: `exec: "X": …`. */
function reasonOf(text: string): FailureReason {
  if (/executable file .*not found in \$PATH/i.test(text)) return 'command-not-found'
  if (/exec: .*(no such file or directory|executable file not found)/i.test(text)) return 'command-not-found'
  if (/open executable: .*no such file/i.test(text)) return 'command-not-found'
  if (/(open executable|exec: ".*"): .*(permission denied|not permitted|is a directory)/i.test(text))
    return 'not-executable'
  return 'other'
}

function tidy(text: string): string {
  return text
    .split('\n')
    .map(line => line.replace(/^(time="[^"]*" level=\w+ msg=|\[conmon:[a-z]\]: )/, '').trim())
    .filter(line => line !== '')
    .join('; ')
    .replace(/\.$/, '')
}
