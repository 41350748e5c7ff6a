import { BerthError } from '#lib/errors.ts'
import { bodyOf } from './request.ts'
import type { ErrorKind } from '#lib/errors.ts'
import type { Answer } from './request.ts'

const BODY_LIMIT = 64 << 10
const SILENT: Record<number, { code: string; message: string }> = {
  401: { code: 'UNAUTHORIZED', message: 'authentication required' },
  403: { code: 'DENIED', message: 'requested access to the resource is denied' },
}

/**
 * What a registry's refusal means. `details.code` is the code of the distribution API (`MANIFEST_UNKNOWN`, `DENIED`),
 * `details.status` the HTTP status, `details.transient` whether trying again may help.
 */
export async function refusal(answer: Answer): Promise<BerthError> {
  const body = await bodyOf(answer, BODY_LIMIT).catch(() => Buffer.alloc(0))
  const { status } = answer
  const said = firstError(body.toString('utf8'))
  // The answer to a HEAD has no body to say it.
  const { code, message } = said.code || said.message ? said : (SILENT[status] ?? said)
  const kind: ErrorKind =
    status === 404 ? 'not-found' : status === 401 ? 'unauthenticated' : status === 403 ? 'forbidden' : 'system'
  const words = code ? code.toLowerCase().replaceAll('_', ' ') : ''
  const text = [words, message].filter(Boolean).join(': ') || `received unexpected HTTP status: ${status}`
  const transient = status === 429 || status === 408 || status >= 500
  const after = Number(answer.headers['retry-after'])
  return new BerthError(kind, text, {
    details: { status, code, transient, ...(after > 0 ? { retryAfter: Math.min(after, 60) * 1000 } : {}) },
  })
}

function firstError(text: string): { code: string; message: string } {
  try {
    const value = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[]; details?: unknown }
    const first = value.errors?.[0]
    if (first) return { code: String(first.code ?? ''), message: String(first.message ?? '') }
    return { code: '', message: typeof value.details === 'string' ? value.details : '' }
  } catch {
    return { code: '', message: '' }
  }
}

export const isTransient = (error: unknown): boolean =>
  error instanceof BerthError && error.details['transient'] === true
