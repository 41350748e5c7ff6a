import { pipeline } from 'node:stream'
import { BerthError } from '#lib/errors.ts'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Agents } from './agents.ts'

export interface Call {
  method: string
  url: URL
  headers?: Record<string, string>
  body?: Buffer | Readable
  insecure?: boolean
  signal?: AbortSignal | undefined
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: IncomingMessage
}

/**
 * One HTTP exchange, up to the head of the answer.
 * @throws system with `details.transient` when the connection failed: trying again may help
 */
export function exchange(agents: Agents, call: Call, idleTimeout: number): Promise<Answer> {
  const { method, url, headers = {}, body, insecure = false, signal } = call
  return new Promise((resolve, reject) => {
    const send =
      url.protocol === 'https:'
        ? process.getBuiltinModule('node:https').request
        : process.getBuiltinModule('node:http').request
    const length = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {}
    const request = send(url, {
      method,
      headers: { ...headers, ...length },
      agent: agents.for(url, insecure),
      ...(signal ? { signal } : {}),
    })
    let answered = false
    request.setTimeout(idleTimeout, () => {
      request.destroy(new Error(`no answer within ${Math.round(idleTimeout / 1000)} s`))
    })
    request.once('response', answer => {
      answered = true
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer })
    })
    request.on('error', (error: Error & { code?: string }) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const verb = method[0]! + method.slice(1).toLowerCase()
      const reason = error.message || error.code || 'connection failed'
      const details = { transient: isTransient(error.code), code: error.code ?? '' }
      reject(new BerthError('system', `${verb} "${shown(url)}": ${reason}`, { cause: error, details }))
    })
    if (body === undefined || Buffer.isBuffer(body)) request.end(body)
    else {
      pipeline(body, request, error => {
        // A registry may refuse before it has read everything: its answer counts, not the broken pipe.
        if (error && !answered) request.destroy(error)
      })
    }
  })
}

/** A wrong name or certificate does not get better by asking again. */
function isTransient(code = ''): boolean {
  return !/^(?:ENOTFOUND|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|ERR_SSL|ECONNREFUSED)/.test(code)
}

/** Query strings may carry signatures. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/** The whole body, at most `limit` bytes. */
export async function bodyOf(answer: Answer, limit: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer.body) {
    length += (part as Buffer).length
    if (length > limit) {
      answer.body.destroy()
      throw new BerthError('system', `registry sent more than ${limit} bytes`)
    }
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts)
}
