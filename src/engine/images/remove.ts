import { familiarOf, nameOf, parseReference, referenceText, withDefaultTag } from '#codec/oci/reference.ts'
import { conflict } from '#lib/errors.ts'
import { blobsOf } from './catalog.ts'
import { collectBlobs, collectLayers } from './collect.ts'
import { publish } from './events.ts'
import { isName, resolve } from './resolve.ts'
import { emptyRoot } from './rootfs.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { ImageDelete } from './service.ts'

const short = (id: string) => id.replace(/^sha256:/, '').slice(0, 12)

/**
 * Removes a name, or with the last name (or by id) the image, and then its nameless parents unless `noPrune`.
 * @throws conflict in Docker's words, saying whether force would help
 */
export async function remove(
  ctx: ImagesContext,
  reference: string,
  options: { force: boolean; noPrune: boolean },
): Promise<ImageDelete[]> {
  const image = resolve(ctx.catalog, reference)
  const done: ImageDelete[] = []
  if (!isName(ctx.catalog, reference)) {
    if (isSingle(image)) {
      checkUse(ctx, image, { force: options.force, names: false })
      untag(ctx, image, [...image.tags, ...image.digests], done)
    }
    await erase(ctx, image.id, { ...options, quiet: false }, done)
    return done
  }
  const user = ctx.users(image.id)[0]
  if (!options.force && isSingle(image) && user) {
    throw conflict(
      `conflict: unable to remove repository reference "${reference}" (must force) - ` +
        `container ${short(user.id)} is using its referenced image ${short(image.id)}`,
    )
  }
  const name = ownName(image, reference)
  const repository = nameOf(parseReference(reference))
  const otherTags = image.tags.some(tag => tag !== name && tag.startsWith(`${repository}:`))
  // With its last tag a repository's digests go too: they came with it.
  const digests = otherTags ? [] : image.digests.filter(digest => digest.startsWith(`${repository}@`))
  untag(ctx, image, Array.from(new Set([name, ...digests])), done)
  const left = ctx.catalog.get(image.id)!
  if (left.tags.length + left.digests.length === 0) await erase(ctx, image.id, { ...options, quiet: true }, done)
  return done
}

/** At most one tag, and all names in one repository. */
function isSingle(image: ImageRecord): boolean {
  const repositories = new Set([...image.tags, ...image.digests].map(name => nameOf(parseReference(name))))
  return image.tags.length <= 1 && repositories.size <= 1
}

function ownName(image: ImageRecord, reference: string): string {
  const parsed = withDefaultTag(parseReference(reference))
  const text = referenceText(parsed.digest === undefined ? parsed : { ...parsed, tag: undefined })
  if (image.tags.includes(text) || image.digests.includes(text)) return text
  // Named as `name@id`: the tag of that name is meant.
  return image.tags.find(tag => tag.startsWith(`${nameOf(parsed)}:`)) ?? text
}

function untag(ctx: ImagesContext, image: ImageRecord, names: string[], done: ImageDelete[]): void {
  const gone = new Set(names)
  const rest = (list: string[]) => list.filter(name => !gone.has(name))
  ctx.catalog.put({ ...image, tags: rest(image.tags), digests: rest(image.digests) })
  for (const name of names) {
    done.push({ Untagged: familiarOf(name) })
    publish(ctx, 'untag', image.id, image.id, image)
  }
}

/** @param check.names whether being named in several repositories counts as use */
function checkUse(ctx: ImagesContext, image: ImageRecord, check: { force: boolean; names: boolean }): void {
  const refuse = (forced: string, why: string) =>
    conflict(`conflict: unable to delete ${short(image.id)} (${forced}) - ${why}`)
  if (ctx.catalog.children(image.id).length > 0) {
    throw refuse('cannot be forced', 'image has dependent child images')
  }
  const users = ctx.users(image.id)
  const running = users.find(user => user.running)
  if (running) throw refuse('cannot be forced', `image is being used by running container ${short(running.id)}`)
  if (check.force) return
  if (check.names && image.tags.length + image.digests.length > 0) {
    throw refuse('must be forced', 'image is referenced in multiple repositories')
  }
  if (users[0]) throw refuse('must be forced', `image is being used by stopped container ${short(users[0].id)}`)
}

async function erase(
  ctx: ImagesContext,
  id: string,
  options: { force: boolean; noPrune: boolean; quiet: boolean },
  done: ImageDelete[],
): Promise<void> {
  const image = ctx.catalog.get(id)
  if (!image) return
  try {
    checkUse(ctx, image, { force: options.force, names: true })
  } catch (error) {
    if (options.quiet) return
    throw error
  }
  const names = [...image.tags, ...image.digests]
  if (names.length > 0) untag(ctx, image, names, done)
  // The record first: a crash after it leaves garbage for the sweep, never an image with missing parts.
  ctx.catalog.delete(id)
  publish(ctx, 'delete', id, id, image)
  done.push({ Deleted: id })
  for (const layer of await collectLayers(ctx, image.layers.toReversed())) done.push({ Deleted: layer.chainId })
  if (image.layers.length === 0) await ctx.snapshots.remove(emptyRoot(id))
  await collectBlobs(ctx, blobsOf(image))

  const parent = ctx.catalog.get(image.parent)
  if (options.noPrune || !parent || parent.tags.length + parent.digests.length > 0) return
  await erase(ctx, parent.id, { force: false, noPrune: false, quiet: true }, done)
}
