import { BerthError, type ErrorKind } from '#lib/errors.ts'
import type { IncomingMessage } from 'node:http'

const KINDS: Record<number, ErrorKind> = {
  304: 'not-modified',
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  406: 'invalid',
  409: 'conflict',
  413: 'too-large',
  501: 'not-implemented',
  503: 'unavailable',
}

/** The server's refusal as an error: its own message, the kind by the status, `details.status`. */
export function errorFromResponse(status: number, body: string): BerthError {
  let message = body.trim()
  try {
    const parsed = JSON.parse(body) as { message?: unknown; cause?: unknown }
    if (typeof parsed.message === 'string') message = parsed.message.trim()
  } catch {
    // Some proxies and very old daemons answer in plain text.
  }
  if (message === '') message = `request returned ${status} without a message`
  return new BerthError(KINDS[status] ?? (status < 500 ? 'invalid' : 'system'), message, { details: { status } })
}

export async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Why a connection could not be made or broke, in words, with the way out. */
export function connectionError(error: unknown, address: string): BerthError {
  const code = (error as NodeJS.ErrnoException).code
  const details = { code, connection: true }
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new BerthError('unavailable', `cannot connect to the daemon at ${address}: is it running?`, { details })
    case 'EACCES':
    case 'EPERM':
      return new BerthError(
        'forbidden',
        `permission denied while connecting to the daemon at ${address}: run as root, or add yourself to the group that owns the socket (docker)`,
        { details },
      )
    case 'ABORT_ERR':
      return new BerthError('cancelled', 'request cancelled', { cause: error })
    case 'ECONNRESET':
    case 'EPIPE':
      return new BerthError('unavailable', `the daemon at ${address} closed the connection`, { cause: error, details })
    default:
      return new BerthError('unavailable', `error during connect to ${address}`, { cause: error, details })
  }
}
