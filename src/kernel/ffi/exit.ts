import { native } from './libc.ts'

const exit = native('void _exit(int status)')

/**
 * Ends the process now (_exit(2)), with all that is to be done before done. process.exit waits for the threads of
 * Node's pool, one of which may wait for a file server that is dead.
 */
export function exitNow(code: number): void {
  exit()(code)
}
