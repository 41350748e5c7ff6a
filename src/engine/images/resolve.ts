import { familiarText, parseReference, referenceText, withDefaultTag } from '#codec/oci/reference.ts'
import { platformRank, platformText } from '#codec/oci/platform.ts'
import { BerthError, invalid, notFound } from '#lib/errors.ts'
import type { Reference } from '#codec/oci/reference.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { Catalog } from './catalog.ts'

/**
 * Finds an image by full id, `sha256:` id, name with or without tag, `name@digest`, or unique id prefix; a name wins
 * over a prefix, as in Docker.
 * @throws not-found `No such image: x:latest` (Docker's words and capital, which clients match on)
 */
export function resolve(catalog: Catalog, reference: string, platform?: Platform): ImageRecord {
  const image = find(catalog, reference)
  if (!image) throw notFound(`No such image: ${shown(reference)}`)
  if (platform && platformRank(platform, image.platform) === undefined) {
    throw notFound(
      `image with reference ${reference} was found but its platform (${platformText(image.platform)}) ` +
        `does not match the specified platform (${platformText(platform)})`,
    )
  }
  return image
}

/** As `resolve`, with undefined for none. @throws invalid when a prefix fits several */
export function find(catalog: Catalog, reference: string): ImageRecord | undefined {
  if (reference === '') throw invalid('image name is empty: give a name or an id')
  const id = /^(?:sha256:)?([a-f0-9]{64})$/.exec(reference)
  if (id) return catalog.get(`sha256:${id[1]!}`)
  const named = tryParse(reference)
  const byName = named && findNamed(catalog, named)
  if (byName) return byName
  const prefix = /^(?:sha256:)?([a-f0-9]{1,63})$/.exec(reference)
  if (!prefix) return undefined
  const ids = catalog.withPrefix(prefix[1]!)
  if (ids.length > 1) throw invalid(`image id prefix ${reference} is ambiguous: give more digits`)
  return ids[0] === undefined ? undefined : catalog.get(ids[0])
}

/** Whether a reference that finds an image is a name of it, and not the beginning of its id: `a` may be both. */
export function isName(catalog: Catalog, reference: string): boolean {
  const named = tryParse(reference)
  return named !== undefined && findNamed(catalog, named) !== undefined
}

/** With a digest the tag does not count, as in Docker. */
function findNamed(catalog: Catalog, named: Reference): ImageRecord | undefined {
  if (named.digest === undefined) return catalog.byReference(referenceText(withDefaultTag(named)))
  const { domain, path, digest } = named
  const byDigest = catalog.byReference(referenceText({ domain, path, digest }))
  if (byDigest) return byDigest
  // `name@id` also names an image, if one of its tags has that name.
  const image = catalog.get(digest)
  const prefix = `${domain}/${path}:`
  return image?.tags.some(tag => tag.startsWith(prefix)) ? image : undefined
}

function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    // `sha256:ab` has no other reading than an id prefix.
    if (error instanceof BerthError && /^(?:sha256:)?[a-f0-9]{1,64}$/.test(text)) return undefined
    throw error
  }
}

/** The reference as Docker's message shows it: familiar, with the tag that was meant. */
function shown(reference: string): string {
  if (/^(?:sha256:[a-f0-9]*|[a-f0-9]{64})$/.test(reference)) return reference
  return familiarText(withDefaultTag(parseReference(reference)))
}
