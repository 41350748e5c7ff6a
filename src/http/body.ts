import { BerthError, invalid } from '#lib/errors.ts'
import type { IncomingMessage } from 'node:http'

/** Bytes. A JSON request is never near it; archives and images are streamed and have no limit. */
export const MAX_JSON_BODY = 8 * 1024 * 1024

/**
 * The JSON body, or undefined when there is none.
 * @throws invalid for another content type or broken JSON, too-large above `MAX_JSON_BODY`
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const announced = request.headers['content-length']
  if (announced === '0' || (announced === undefined && request.headers['transfer-encoding'] === undefined)) {
    return undefined
  }
  if (Number(announced) > MAX_JSON_BODY) throw tooLarge()
  checkContentType(request)
  const bytes = await readAll(request)
  if (bytes.length === 0) return undefined
  const text = bytes.toString('utf8')
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    if (text.trim() === '') throw invalid('invalid JSON: got EOF while reading request body', { cause })
    throw invalid(`invalid JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

function checkContentType(request: IncomingMessage): void {
  const header = request.headers['content-type'] ?? ''
  const type = header.split(';', 1)[0]!.trim().toLowerCase()
  if (type !== 'application/json') {
    throw invalid(`unsupported Content-Type header (${header}): must be 'application/json'`)
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  // Kept open on an early exit, so that the refusal can still be answered.
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_JSON_BODY) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof BerthError) throw cause
    throw new BerthError('cancelled', 'the client went away', { cause })
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
}

const tooLarge = () => new BerthError('too-large', `request body is larger than ${MAX_JSON_BODY} bytes`)
