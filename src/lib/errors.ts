/**
 * What went wrong, from the caller's point of view. `http/status.ts` is the one place that turns a kind into an HTTP
 * status.
 */
export type ErrorKind =
  | 'invalid' // the request itself is wrong: 400
  | 'unauthenticated' // 401
  | 'forbidden' // allowed to nobody in this state or configuration: 403
  | 'not-found' // 404
  | 'conflict' // right request, wrong state, or the name is taken: 409
  | 'not-modified' // already as asked: 304
  | 'too-large' // 413
  | 'system' // the host refused or failed: 500
  | 'not-implemented' // 501
  | 'unavailable' // try again later: 503
  | 'cancelled' // the caller went away

/** The one error class of the project: lower case, no full stop, names the object and the way out. */
export class BerthError extends Error {
  readonly kind: ErrorKind
  /** Machine-readable extras, e.g. `{ errno: 'ENOSPC' }`. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(kind: ErrorKind, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BerthError'
    this.kind = kind
    this.details = options.details ?? {}
  }
}

type Options = { cause?: unknown; details?: Record<string, unknown> }

export const invalid = (message: string, o?: Options) => new BerthError('invalid', message, o)
export const notFound = (message: string, o?: Options) => new BerthError('not-found', message, o)
export const conflict = (message: string, o?: Options) => new BerthError('conflict', message, o)
export const forbidden = (message: string, o?: Options) => new BerthError('forbidden', message, o)
export const system = (message: string, o?: Options) => new BerthError('system', message, o)
export const unavailable = (message: string, o?: Options) => new BerthError('unavailable', message, o)
export const notImplemented = (message: string, o?: Options) => new BerthError('not-implemented', message, o)

/** The kind of any thrown value; a foreign error counts as `system`. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof BerthError ? error.kind : 'system'
}

export function isKind(error: unknown, kind: ErrorKind): boolean {
  return error instanceof BerthError && error.kind === kind
}

/** The message chain of an error and its causes, joined by `: `, each message once. */
export function messageOf(error: unknown): string {
  const parts: string[] = []
  let current: unknown = error
  while (current !== undefined && current !== null && parts.length < 8) {
    const text = current instanceof Error ? current.message : String(current)
    if (!parts.some(part => part.includes(text))) parts.push(text)
    current = current instanceof Error ? current.cause : undefined
  }
  return parts.join(': ')
}
