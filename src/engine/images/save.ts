import { Readable } from 'node:stream'
import { MEDIA } from '#codec/oci/manifest.ts'
import { encodeEnd, encodeEntry, encodePadding, fromText } from '#codec/tar/index.ts'
import { familiarOf, isDigest, nameOf, parseReference } from '#codec/oci/reference.ts'
import { blobsOf } from './catalog.ts'
import { settle } from './collect.ts'
import { publish } from './events.ts'
import { resolve } from './resolve.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { Lease } from './leases.ts'

interface Saved {
  image: ImageRecord
  tags: Set<string>
}

/**
 * A tar of images that `docker load` and OCI tools read: an OCI layout with a `manifest.json`. Blobs are as they
 * came, so digests stay the same. Everything is checked before the stream begins.
 */
export async function save(ctx: ImagesContext, references: string[], platform?: Platform): Promise<Readable> {
  const chosen = choose(ctx, references, platform)
  const lease = await ctx.leases.open()
  for (const { image } of chosen) for (const digest of blobsOf(image)) lease.hold(digest)
  for (const { image } of chosen) publish(ctx, 'save', image.id, image.id, image)
  // Made as fast as the client takes it; a client that goes away ends it.
  const output = Readable.from(archive(ctx, chosen), { objectMode: false })
  output.once('close', () => release(ctx, lease))
  return output
}

function release(ctx: ImagesContext, lease: Lease): void {
  // An image removed while it was saved has left its blobs for us.
  void settle(ctx, lease)
}

/** A name without tag means all tags of that repository; an id means the image without names. */
function choose(ctx: ImagesContext, references: string[], platform?: Platform): Saved[] {
  const chosen = new Map<string, Saved>()
  const add = (image: ImageRecord, tags: string[]) => {
    const saved = chosen.get(image.id) ?? { image, tags: new Set() }
    for (const tag of tags) saved.tags.add(tag)
    chosen.set(image.id, saved)
  }
  for (const reference of references) {
    const repository = bareRepository(reference)
    const inRepository = repository ? tagsOf(ctx, repository) : []
    if (inRepository.length > 0) {
      for (const tag of inRepository) add(resolve(ctx.catalog, tag, platform), [tag])
      continue
    }
    const image = resolve(ctx.catalog, reference, platform)
    add(image, named(image, reference))
  }
  return Array.from(chosen.values())
}

function bareRepository(reference: string): string | undefined {
  if (isDigest(reference) || /^[a-f0-9]{64}$/.test(reference)) return undefined
  const parsed = parseReference(reference)
  return parsed.tag === undefined && parsed.digest === undefined ? nameOf(parsed) : undefined
}

function tagsOf(ctx: ImagesContext, repository: string): string[] {
  return ctx.catalog.list().flatMap(image => image.tags.filter(tag => tag.startsWith(`${repository}:`)))
}

function named(image: ImageRecord, reference: string): string[] {
  if (isDigest(reference) || image.id.slice(7).startsWith(reference)) return []
  const { domain, path, tag } = parseReference(reference)
  const text = `${domain}/${path}:${tag ?? ''}`
  return image.tags.includes(text) ? [text] : []
}

const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`

async function* archive(ctx: ImagesContext, chosen: Saved[]): AsyncGenerator<Buffer, void> {
  for (const name of ['blobs/', 'blobs/sha256/']) yield header(name, 'directory', 0)
  for (const digest of new Set(chosen.flatMap(({ image }) => blobsOf(image)))) {
    const size = await ctx.content.size(digest)
    yield header(blobPath(digest), 'file', size)
    yield* (await ctx.content.open(digest)) as AsyncIterable<Buffer>
    yield encodePadding(size)
  }
  for (const [name, value] of Object.entries(await documents(ctx, chosen))) {
    const bytes = Buffer.from(JSON.stringify(value))
    yield header(name, 'file', bytes.length)
    yield bytes
    yield encodePadding(bytes.length)
  }
  yield encodeEnd()
}

function header(name: string, type: 'file' | 'directory', size: number): Buffer {
  const mode = type === 'file' ? 0o644 : 0o755
  const owner = { uid: 0, gid: 0, major: 0, minor: 0, linkName: '', xattrs: undefined }
  return encodeEntry({ name: fromText(name), type, size, mode, mtime: { seconds: 0, nanos: 0 }, ...owner })
}

async function documents(ctx: ImagesContext, chosen: Saved[]): Promise<Record<string, unknown>> {
  const manifests: unknown[] = []
  const list: unknown[] = []
  for (const { image, tags } of chosen) {
    const size = await ctx.content.size(image.manifestDigest)
    const mediaType = mediaTypeOf(await ctx.content.read(image.manifestDigest))
    const entry = { mediaType, digest: image.manifestDigest, size, platform: image.platform }
    for (const tag of tags) {
      const annotations = {
        'io.containerd.image.name': tag,
        'org.opencontainers.image.ref.name': tag.slice(tag.lastIndexOf(':') + 1),
      }
      manifests.push({ ...entry, annotations })
    }
    if (tags.size === 0) manifests.push(entry)
    list.push({
      Config: blobPath(image.id),
      RepoTags: tags.size > 0 ? Array.from(tags, familiarOf) : null,
      Layers: image.layers.map(layer => blobPath(layer.digest)),
    })
  }
  return {
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    'index.json': { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests },
    'manifest.json': list,
  }
}

function mediaTypeOf(manifest: Buffer): string {
  const { mediaType } = JSON.parse(manifest.toString('utf8')) as { mediaType?: unknown }
  return typeof mediaType === 'string' ? mediaType : MEDIA.ociManifest
}
