import { invalid } from '#lib/errors.ts'
import { isDigest } from './reference.ts'
import type { OciPlatform } from './platform.ts'

export const MEDIA = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  schema1: 'application/vnd.docker.distribution.manifest.v1+json',
  schema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const

export interface Descriptor {
  mediaType: string
  digest: string
  /** Bytes. */
  size: number
  platform?: OciPlatform
  annotations?: Record<string, string>
}

export interface Manifest {
  kind: 'manifest'
  mediaType: string
  config: Descriptor
  layers: Descriptor[]
}

export interface Index {
  kind: 'index'
  mediaType: string
  manifests: Descriptor[]
}

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @param what names the document in the error. @throws invalid */
export function parseJson(bytes: Buffer | string, what: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw invalid(`${what} is not JSON`, { cause })
  }
}

/**
 * Reads an image manifest or index, OCI or Docker v2 schema 2.
 * @param mediaType what the registry called it; the document's own field counts when absent
 * @throws invalid for schema 1 and anything else
 */
export function parseManifest(bytes: Buffer, mediaType = ''): Manifest | Index {
  const value = parseJson(bytes, 'image manifest')
  if (!isObject(value)) throw invalid('image manifest is not a JSON object')
  const own = typeof value['mediaType'] === 'string' ? value['mediaType'] : ''
  const type = own || mediaType.split(';')[0]!.trim()
  if (type === MEDIA.schema1 || type === MEDIA.schema1Signed || value['schemaVersion'] === 1) {
    throw invalid(
      'image manifest has schema version 1, which is no longer supported: push the image again with a current client',
    )
  }
  if (Array.isArray(value['manifests'])) {
    const manifests = value['manifests'].map(descriptor)
    return { kind: 'index', mediaType: type || MEDIA.ociIndex, manifests }
  }
  if (isObject(value['config']) && Array.isArray(value['layers'])) {
    const config = descriptor(value['config'])
    return { kind: 'manifest', mediaType: type || MEDIA.ociManifest, config, layers: value['layers'].map(descriptor) }
  }
  throw invalid(`image manifest of media type "${type}" is neither an image nor an index of images`)
}

function descriptor(value: unknown): Descriptor {
  if (!isObject(value)) throw invalid('image manifest has a descriptor that is not an object')
  const { mediaType, digest, size, platform, annotations } = value
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw invalid(`image manifest has a descriptor with the bad digest "${String(digest)}"`)
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`image manifest has a bad size for ${digest}`)
  }
  const result: Descriptor = { mediaType: typeof mediaType === 'string' ? mediaType : '', digest, size }
  if (isObject(platform) && typeof platform['os'] === 'string' && typeof platform['architecture'] === 'string') {
    result.platform = { os: platform['os'], architecture: platform['architecture'] }
    if (typeof platform['variant'] === 'string' && platform['variant']) result.platform.variant = platform['variant']
  }
  if (isObject(annotations)) {
    result.annotations = Object.fromEntries(
      Object.entries(annotations).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
    )
  }
  return result
}

/** Whether this entry of an index is an image to run, not an attestation beside one. */
export function isRunnable(entry: Descriptor): boolean {
  if (entry.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest') return false
  return entry.platform?.os !== 'unknown'
}

/** A manifest of ours, the same bytes for the same parts. */
export function writeManifest(config: Descriptor, layers: readonly Descriptor[]): Buffer {
  const bare = ({ mediaType, digest, size }: Descriptor) => ({ mediaType, digest, size })
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: bare(config),
      layers: layers.map(bare),
    }),
  )
}

/** Media type for a layer blob, from its first bytes. */
export function layerMediaType(head: Buffer): string {
  switch (compressionOf(head)) {
    case 'gzip':
      return `${MEDIA.ociLayer}+gzip`
    case 'zstd':
      return `${MEDIA.ociLayer}+zstd`
    default:
      return MEDIA.ociLayer
  }
}

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz'

/** By magic number; six bytes are enough. */
export function compressionOf(head: Buffer): Compression {
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte)
  if (starts(0x1f, 0x8b)) return 'gzip'
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  if (starts(0x42, 0x5a, 0x68)) return 'bzip2'
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return 'xz'
  return 'none'
}
