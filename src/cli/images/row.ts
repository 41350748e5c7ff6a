import type { ImageSummaryJson } from '#wire/index.ts'
import type { Listing, Row } from '../render/format.ts'
import { ago, goTime, humanSize, shortId } from '../render/units.ts'

export const IMAGE_LISTING: Listing = {
  headings: {
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    ID: 'IMAGE ID',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    VirtualSize: 'SIZE',
    Containers: 'CONTAINERS',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'],
  quiet: 'ID',
}

export interface ImageRowOptions {
  trunc: boolean
  digests: boolean
  now?: number
}

/** An image as `images` shows it: a row for each of its names. */
export function imageRows(image: ImageSummaryJson, options: ImageRowOptions): Row[] {
  const { trunc, digests, now = Date.now() } = options
  const rows: Row[] = []
  const add = (repository: string, tag: string, digest: string) => {
    const created = image.Created * 1000
    rows.push({
      Repository: repository,
      Tag: tag,
      Digest: digest,
      ID: trunc ? shortId(image.Id) : image.Id,
      CreatedSince: image.Created > 0 ? ago(created, now) : 'N/A',
      CreatedAt: goTime(created),
      Size: humanSize(image.Size, 3),
      SharedSize: image.SharedSize < 0 ? 'N/A' : humanSize(image.SharedSize),
      UniqueSize: image.SharedSize < 0 ? 'N/A' : humanSize(image.Size - image.SharedSize),
      VirtualSize: humanSize(image.Size),
      Containers: image.Containers < 0 ? 'N/A' : String(image.Containers),
    })
  }
  const tags = (image.RepoTags ?? []).filter(tag => tag !== '<none>:<none>')
  const digestsOf = new Map<string, string[]>()
  for (const name of image.RepoDigests ?? []) {
    const at = name.indexOf('@')
    if (at < 0 || name.startsWith('<none>')) continue
    digestsOf.set(name.slice(0, at), [...(digestsOf.get(name.slice(0, at)) ?? []), name.slice(at + 1)])
  }
  const shown = new Set<string>()
  for (const name of tags) {
    const colon = name.lastIndexOf(':')
    const [repository, tag] = [name.slice(0, colon), name.slice(colon + 1)]
    shown.add(repository)
    const known = digestsOf.get(repository)
    if (digests && known) for (const digest of known) add(repository, tag, digest)
    else add(repository, tag, '<none>')
  }
  for (const [repository, known] of digestsOf) {
    if (shown.has(repository)) continue
    if (digests) for (const digest of known) add(repository, '<none>', digest)
    else add(repository, '<none>', '<none>')
  }
  if (rows.length === 0) add('<none>', '<none>', '<none>')
  return rows
}
