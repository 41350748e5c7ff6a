import { kindOf, type ErrorKind } from '#lib/errors.ts'

const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  'too-large': 413,
  system: 500,
  'not-implemented': 501,
  unavailable: 503,
  // Nobody is left to read it; the number is the one that proxies log for a client that closed its request.
  cancelled: 499,
}

/** The HTTP status of any thrown value: the one place that decides it. */
export function statusOf(error: unknown): number {
  return STATUS[kindOf(error)]
}
