import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { BerthError, invalid } from '#lib/errors.ts'
import { bodyOf } from './request.ts'
import { pullScope, pushScope } from './scopes.ts'
import { Transport } from './transport.ts'
import { uploadBlob } from './upload.ts'
import type { Registry, RegistryAuth, RegistryCall, RegistryEndpoint } from '#ports/registry.ts'
import type { HttpRegistryOptions } from './agents.ts'

const MANIFEST_LIMIT = 8 << 20
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** OCI distribution API v2 over HTTP (distribution-spec 1.1; Docker Registry HTTP API V2). */
export class HttpRegistry implements Registry {
  readonly #transport: Transport

  constructor(options: HttpRegistryOptions) {
    this.#transport = new Transport(options)
  }

  /** Ends kept connections. */
  close(): void {
    this.#transport.close()
  }

  async ping(endpoint: RegistryEndpoint, auth?: RegistryAuth): Promise<void> {
    const answer = await this.#transport.send({ endpoint, method: 'GET', target: '/v2/', auth, accept: [200] })
    answer.body.resume()
  }

  async manifest(
    endpoint: RegistryEndpoint,
    repository: string,
    reference: string,
    auth?: RegistryAuth,
    call: RegistryCall = {},
  ): Promise<{ mediaType: string; digest: string; body: Buffer }> {
    const answer = await this.#transport.send({
      endpoint,
      method: 'GET',
      target: `/v2/${repository}/manifests/${reference}`,
      scopes: [pullScope(repository)],
      auth,
      headers: { accept: MANIFEST_TYPES },
      accept: [200],
      signal: call.signal,
    })
    const body = await bodyOf(answer, MANIFEST_LIMIT)
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
    if (reference.includes(':') && reference !== digest) {
      throw invalid(`manifest verification failed for digest ${reference}: registry sent ${digest}`)
    }
    return { mediaType: (answer.headers['content-type'] ?? '').split(';')[0]!.trim(), digest, body }
  }

  async blob(
    endpoint: RegistryEndpoint,
    repository: string,
    digest: string,
    offset: number,
    auth?: RegistryAuth,
    call: RegistryCall = {},
  ): Promise<Readable> {
    const answer = await this.#transport.send({
      endpoint,
      method: 'GET',
      target: `/v2/${repository}/blobs/${digest}`,
      scopes: [pullScope(repository)],
      auth,
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
      accept: [200, 206, 416],
      signal: call.signal,
    })
    if (answer.status === 416) {
      // Nothing lies beyond the offset: what is there already is all.
      answer.body.resume()
      return Readable.from([])
    }
    const start = /^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1]
    if (answer.status === 206 && Number(start) !== offset) {
      answer.body.destroy()
      throw new BerthError('system', `registry sent bytes from ${start ?? 'nowhere'} of ${digest}, not from ${offset}`)
    }
    return answer.status === 200 && offset > 0 ? skip(answer.body, offset) : answer.body
  }

  async hasBlob(endpoint: RegistryEndpoint, repository: string, digest: string, auth?: RegistryAuth): Promise<boolean> {
    const answer = await this.#transport.send({
      endpoint,
      method: 'HEAD',
      target: `/v2/${repository}/blobs/${digest}`,
      scopes: [pushScope(repository)],
      auth,
      accept: [200, 404],
    })
    answer.body.resume()
    return answer.status === 200
  }

  pushBlob(...call: Parameters<Registry['pushBlob']>): Promise<void> {
    return uploadBlob(this.#transport, ...call)
  }

  async pushManifest(
    endpoint: RegistryEndpoint,
    repository: string,
    reference: string,
    manifest: { mediaType: string; body: Buffer },
    auth?: RegistryAuth,
    call: RegistryCall = {},
  ): Promise<string> {
    const answer = await this.#transport.send({
      endpoint,
      method: 'PUT',
      target: `/v2/${repository}/manifests/${reference}`,
      scopes: [pushScope(repository)],
      auth,
      headers: { 'content-type': manifest.mediaType },
      body: manifest.body,
      accept: [200, 201, 202],
      signal: call.signal,
    })
    answer.body.resume()
    return `sha256:${createHash('sha256').update(manifest.body).digest('hex')}`
  }

  async tags(
    endpoint: RegistryEndpoint,
    repository: string,
    auth?: RegistryAuth,
    call: RegistryCall = {},
  ): Promise<string[]> {
    const tags: string[] = []
    let target: string | undefined = `/v2/${repository}/tags/list`
    while (target !== undefined) {
      const answer = await this.#transport.send({
        endpoint,
        method: 'GET',
        target,
        scopes: [pullScope(repository)],
        auth,
        accept: [200],
        signal: call.signal,
      })
      const page = JSON.parse((await bodyOf(answer, MANIFEST_LIMIT)).toString('utf8')) as { tags?: string[] | null }
      tags.push(...(page.tags ?? []))
      const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers['link'] ?? ''))?.[1]
      // Only the path: the next page is at the same registry.
      const url: URL | undefined = next ? new URL(next, 'http://registry') : undefined
      target = url && `${url.pathname}${url.search}`
    }
    return tags
  }
}

/** For a server that ignores ranges. */
function skip(body: Readable, bytes: number): Readable {
  async function* rest() {
    let left = bytes
    for await (const part of body) {
      const chunk = part as Buffer
      if (left >= chunk.length) left -= chunk.length
      else {
        yield chunk.subarray(left)
        left = 0
      }
    }
  }
  return Readable.from(rest(), { objectMode: false })
}
