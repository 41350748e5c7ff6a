import koffi from 'koffi'
import { BerthError, system } from '#lib/errors.ts'

/** Symbolic name of an errno value, such as `ENOENT`; `E<number>` for an unknown one. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(koffi.os.errno)) {
    if (value === errno && !ALIASES.has(name)) return name
  }
  return `E${errno}`
}

/** Names that share their number with a better known one on Linux. */
const ALIASES = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP'])

/** The text of errno(3) for the values that users meet; else the name. */
const TEXTS: Record<string, string> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAGAIN: 'resource temporarily unavailable',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENETUNREACH: 'network is unreachable',
  ENODEV: 'no such device',
  ENOENT: 'no such file or directory',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOSYS: 'function not implemented',
  ENOTDIR: 'not a directory',
  EOPNOTSUPP: 'operation not supported',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ESRCH: 'no such process',
}

/**
 * A `system` error for a failed system call.
 *
 * @param operation what was tried, on which object: `mount overlay at /x`
 * @param errno positive error number
 */
export function errnoError(operation: string, errno: number, details: Record<string, unknown> = {}): BerthError {
  const name = errnoName(errno)
  return system(`${operation}: ${TEXTS[name] ?? name}`, { details: { ...details, errno: name } })
}

/** The same for an error of Node's own (`fs` and its kin), which stays as the cause; any other error is returned as is. */
export function nodeError(operation: string, error: unknown): unknown {
  const name = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (koffi.os.errno[name] === undefined) return error
  return system(`${operation}: ${TEXTS[name] ?? name}`, { cause: error, details: { errno: name } })
}

/** Whether an error (a BerthError of a system call, or one of Node's own) carries one of the errno names. */
export function hasErrno(error: unknown, ...names: string[]): boolean {
  if (error instanceof BerthError) return names.includes(String(error.details.errno))
  return error instanceof Error && 'code' in error && names.includes(String(error.code))
}

/**
 * Passes on the result of a libc call, or throws if it is negative. Must be called right after the call: errno is the
 * thread's.
 */
export function checked(result: number, operation: string): number {
  if (result >= 0) return result
  throw errnoError(operation, koffi.errno())
}
