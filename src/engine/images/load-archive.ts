import {
  MEDIA,
  isObject,
  isRunnable,
  layerMediaType,
  parseJson,
  parseManifest,
  writeManifest,
} from '#codec/oci/manifest.ts'
import { pickPlatform, platformText } from '#codec/oci/platform.ts'
import { nameOf, parseReference, referenceText, withDefaultTag } from '#codec/oci/reference.ts'
import { invalid, notFound } from '#lib/errors.ts'
import { lookUp } from './load-spool.ts'
import { storeBytes } from './blobs.ts'
import { peek } from './streams.ts'
import type { Descriptor, Index } from '#codec/oci/manifest.ts'
import type { Platform } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { Spooled } from './load-spool.ts'
import type { Lease } from './leases.ts'
import type { StoredImage } from './register.ts'

export interface ArchivedImage extends StoredImage {
  tags: string[]
}

const MANIFEST_LIMIT = 8 << 20
const IMAGE_NAME = 'io.containerd.image.name'
const REF_NAME = 'org.opencontainers.image.ref.name'

/**
 * The images of a spooled archive. Where it is both an OCI layout and a `docker save` archive (Docker 25 and later),
 * the layout counts, so that manifest digests stay as they were, and `manifest.json` adds names.
 */
export async function readArchive(
  ctx: ImagesContext,
  spooled: Spooled,
  platform: Platform,
  lease: Lease,
): Promise<ArchivedImage[]> {
  const index = spooled.documents.get('index.json')
  const list = spooled.documents.get('manifest.json')
  if (index && spooled.documents.has('oci-layout')) {
    const images = await readLayout(ctx, spooled, index, platform)
    const names = list ? new Map(parseList(list).map(e => [lookUp(spooled, e.config)?.digest, e.tags])) : undefined
    for (const image of images) image.tags = unique([...image.tags, ...(names?.get(image.configDigest) ?? [])])
    if (images.length > 0) return images
  }
  if (list) return await readList(ctx, spooled, list, lease)
  throw invalid('image archive has neither manifest.json nor index.json: it is not an archive of images')
}

const unique = (items: string[]) => Array.from(new Set(items))

async function readLayout(ctx: ImagesContext, spooled: Spooled, bytes: Buffer, platform: Platform) {
  const index = parseManifest(bytes, MEDIA.ociIndex)
  if (index.kind !== 'index') throw invalid('index.json of the image archive is not an index')
  const present = new Set(Array.from(spooled.blobs.values(), blob => blob.digest))
  const images = new Map<string, ArchivedImage>()
  for (const entry of index.manifests.filter(isRunnable)) {
    const found = await descend(ctx, entry, present, platform)
    if (!found) continue
    const { digest, config, layers } = found
    const tags = layoutTag(entry.annotations)
    const known = images.get(config.digest)
    if (known) known.tags = unique([...known.tags, ...tags])
    else images.set(config.digest, { manifestDigest: digest, configDigest: config.digest, layers, tags })
  }
  if (images.size === 0 && !spooled.documents.has('manifest.json')) {
    throw notFound(`image archive holds no image for platform ${platformText(platform)}`)
  }
  return Array.from(images.values())
}

/** From an entry of an index to the manifest that fits the platform and is in the archive. */
async function descend(
  ctx: ImagesContext,
  entry: Descriptor,
  present: ReadonlySet<string>,
  platform: Platform,
  depth = 0,
): Promise<{ digest: string; config: Descriptor; layers: Descriptor[] } | undefined> {
  if (!present.has(entry.digest)) return undefined
  if (depth > 8) throw invalid('image archive has indexes nested more than 8 deep')
  const manifest = parseManifest(await ctx.content.read(entry.digest, MANIFEST_LIMIT), entry.mediaType)
  if (manifest.kind === 'manifest') {
    const missing = [manifest.config, ...manifest.layers].find(blob => !present.has(blob.digest))
    if (missing) throw invalid(`image archive lacks the blob ${missing.digest}`)
    return { digest: entry.digest, config: manifest.config, layers: manifest.layers }
  }
  const choice = choose(manifest, present, platform)
  return choice && descend(ctx, choice, present, platform, depth + 1)
}

function choose(index: Index, present: ReadonlySet<string>, platform: Platform): Descriptor | undefined {
  // An archive of one platform may keep the whole index: only what is there can be chosen.
  const here = index.manifests.filter(entry => isRunnable(entry) && present.has(entry.digest))
  return pickPlatform(platform, here)
}

function layoutTag(annotations: Record<string, string> = {}): string[] {
  const full = annotations[IMAGE_NAME]
  if (full) return [normalized(full)]
  const name = annotations[REF_NAME]
  // The name may be a bare tag ("latest"), which says nothing about the repository.
  return name && /[/:]/.test(name) ? [normalized(name)] : []
}

function normalized(name: string): string {
  const reference = withDefaultTag(parseReference(name))
  return reference.tag === undefined ? nameOf(reference) : referenceText({ ...reference, digest: undefined })
}

interface ListEntry {
  config: string
  tags: string[]
  layers: string[]
}

function parseList(bytes: Buffer): ListEntry[] {
  const value = parseJson(bytes, 'manifest.json of the image archive')
  if (!Array.isArray(value)) throw invalid('manifest.json of the image archive is not a list')
  return value.map(entry => {
    const strings = (list: unknown): list is string[] => Array.isArray(list) && list.every(e => typeof e === 'string')
    if (!isObject(entry) || typeof entry['Config'] !== 'string' || !strings(entry['Layers'])) {
      throw invalid('manifest.json of the image archive has an entry without Config and Layers')
    }
    const tags = strings(entry['RepoTags']) ? entry['RepoTags'].map(normalized) : []
    return { config: entry['Config'], tags, layers: entry['Layers'] }
  })
}

async function readList(ctx: ImagesContext, spooled: Spooled, bytes: Buffer, lease: Lease): Promise<ArchivedImage[]> {
  const need = (path: string) => {
    const blob = lookUp(spooled, path)
    if (!blob) throw invalid(`image archive lacks the file ${path} that its manifest.json names`)
    return blob
  }
  const images: ArchivedImage[] = []
  for (const entry of parseList(bytes)) {
    const config = { ...need(entry.config), mediaType: MEDIA.ociConfig }
    const layers: Descriptor[] = []
    for (const path of entry.layers) {
      const blob = need(path)
      const { head, whole } = await peek(await ctx.content.open(blob.digest), 6)
      whole.destroy()
      layers.push({ ...blob, mediaType: layerMediaType(head) })
    }
    const manifest = await storeBytes(ctx, writeManifest(config, layers), lease)
    images.push({ manifestDigest: manifest, configDigest: config.digest, layers, tags: entry.tags })
  }
  return images
}
