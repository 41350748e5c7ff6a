import { CliError } from '../../core/command.ts'

/** Exit code of a program that Ctrl-C ended. */
const INTERRUPTED = 130

/**
 * Runs work that must clean up when the user ends it: Ctrl-C aborts the signal, and the work ends by itself. A second one
 * ends the program.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const stop = () => {
    if (abort.signal.aborted) process.exit(INTERRUPTED)
    abort.abort(new CliError('interrupted', INTERRUPTED))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  try {
    return await work(abort.signal)
  } catch (error) {
    throw abort.signal.aborted ? (abort.signal.reason as Error) : error
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop)
  }
}
