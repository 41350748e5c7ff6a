import { notFound } from '#lib/errors.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { close, pidfdOpen, pidfdSendSignal } from '#kernel/ffi/libc.ts'
import { isAlive } from '#kernel/processes/proc.ts'
import type { InitProcess } from './state.ts'

/**
 * Signals that very process: its pid may have been given to another, so the start time is compared while a pidfd holds
 * on to whichever process it is.
 *
 * @throws not-found when it has gone
 */
export function signalProcess(target: InitProcess, signal: number, name: string): void {
  let pidfd: number
  try {
    pidfd = pidfdOpen(target.pid)
  } catch (error) {
    if (hasErrno(error, 'ESRCH')) throw notFound(`the process of ${name} has ended`)
    throw error
  }
  try {
    if (!isAlive(target.pid, target.startTime)) throw notFound(`the process of ${name} has ended`)
    pidfdSendSignal(pidfd, signal)
  } catch (error) {
    if (hasErrno(error, 'ESRCH')) throw notFound(`the process of ${name} has ended`)
    throw error
  } finally {
    close(pidfd)
  }
}
