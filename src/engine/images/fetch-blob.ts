import { BerthError, invalid, kindOf } from '#lib/errors.ts'
import type { Descriptor } from '#codec/oci/manifest.ts'
import type { Reference } from '#codec/oci/reference.ts'
import type { RegistryAuth, RegistryEndpoint } from '#ports/registry.ts'
import type { Readable } from 'node:stream'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'
import type { OnProgress } from './service.ts'

/** A repository, as one caller sees it. */
export interface Source {
  endpoint: RegistryEndpoint
  reference: Reference
  auth: RegistryAuth | undefined
  signal: AbortSignal | undefined
}

export interface FetchOptions {
  report?: (bytes: number) => void
  onProgress?: OnProgress
  /** Where the bytes come from, if not from the registry. */
  open?: (offset: number) => Promise<Readable>
}

/** Attempts in a row that bring not one byte. */
const ATTEMPTS = 5
const BACKOFF = 1000

/**
 * Brings a blob into the content store; there already: nothing. A cut connection is taken up where it broke, also by a
 * later call after this one failed.
 */
export async function fetchBlob(
  ctx: ImagesContext,
  source: Source,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  lease: Lease,
  options: FetchOptions = {},
): Promise<void> {
  lease.hold(blob.digest)
  const { endpoint, reference, auth, signal } = source
  const id = blob.digest.slice(7, 19)
  // Two images that share a layer: the second pull waits and finds it.
  await ctx.locks.run(`blob:${blob.digest}`, async () => {
    if (await ctx.content.has(blob.digest)) {
      options.onProgress?.({ status: 'Download complete', progressDetail: {}, id })
      return
    }
    let moved = false
    for (let failures = 0; ;) {
      moved = false
      try {
        await ctx.content.ingest(
          options.open ??
            (offset =>
              ctx.registry.blob(endpoint, reference.path, blob.digest, offset, auth, signal ? { signal } : {})),
          { digest: blob.digest, size: blob.size },
          bytes => {
            moved = true
            options.report?.(bytes)
          },
        )
        break
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        if (kindOf(error) === 'invalid') throw corrupt(blob.digest, error)
        failures = moved ? 1 : failures + 1
        if (failures >= ATTEMPTS || !mayPass(error)) throw error
        const wait = BACKOFF * 2 ** (failures - 1)
        const seconds = wait / 1000
        const status = `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`
        options.onProgress?.({ status, progressDetail: {}, id })
        await ctx.clock.sleep(wait, signal)
      }
    }
    options.onProgress?.({ status: 'Verifying Checksum', progressDetail: {}, id })
    options.onProgress?.({ status: 'Download complete', progressDetail: {}, id })
  })
}

const corrupt = (digest: string, cause: unknown) =>
  invalid(`filesystem layer verification failed for digest ${digest}`, { cause })

/** A cut stream is a plain error or `unavailable`; a refusal says itself whether it may pass. */
function mayPass(error: unknown): boolean {
  return !(error instanceof BerthError) || error.kind === 'unavailable' || error.details['transient'] === true
}
