import { Transform, pipeline } from 'node:stream'
import { BerthError } from '#lib/errors.ts'
import { isTransient } from './errors.ts'
import { pullScope, pushScope } from './scopes.ts'
import type { Registry } from '#ports/registry.ts'
import type { Transport } from './transport.ts'

const ATTEMPTS = 3

/**
 * Uploads a blob: mounted from another repository of the registry where that works, else in one piece; a broken
 * upload starts over.
 */
export async function uploadBlob(
  transport: Transport,
  ...[endpoint, repository, blob, auth, options = {}]: Parameters<Registry['pushBlob']>
): Promise<void> {
  const { mountFrom, onProgress, onMounted, signal } = options
  const scopes = [pushScope(repository), ...(mountFrom ? [pullScope(mountFrom)] : [])]
  for (let attempt = 1; ; attempt++) {
    const query = mountFrom && attempt === 1 ? `?mount=${blob.digest}&from=${encodeURIComponent(mountFrom)}` : ''
    const target = `/v2/${repository}/blobs/uploads/${query}`
    const headers = { 'content-length': '0' }
    const begun = await transport.send({
      endpoint,
      method: 'POST',
      target,
      scopes,
      auth,
      headers,
      accept: [201, 202],
      signal,
    })
    begun.body.resume()
    if (begun.status === 201) {
      onMounted?.()
      return
    }
    const location = begun.headers.location
    if (!location) throw new BerthError('system', `registry ${endpoint.host} named no place to upload to`)
    try {
      const url = uploadUrl(location, begun.url, blob.digest)
      const done = await transport.send({
        endpoint,
        method: 'PUT',
        target: url,
        scopes,
        auth,
        headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
        body: async () => pipeline(await blob.open(), meter(onProgress), () => {}),
        accept: [201, 204],
        signal,
        once: true,
      })
      done.body.resume()
      return
    } catch (error) {
      if (attempt >= ATTEMPTS || !isTransient(error) || signal?.aborted) throw error
    }
  }
}

/** The registry's own query is kept byte for byte: it may be signed. */
function uploadUrl(location: string, base: URL, digest: string): URL {
  const url = new URL(location, base)
  return new URL(`${url.href}${url.search ? '&' : '?'}digest=${encodeURIComponent(digest)}`)
}

function meter(onProgress?: (bytes: number) => void): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      onProgress?.(bytes)
      done(null, chunk)
    },
  })
}
