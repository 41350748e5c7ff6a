import { invalid } from '#lib/errors.ts'
import type { ByteString, TarEntry, TarType } from '#codec/tar/index.ts'
import type { BackupEntry, BackupHeader } from '#model/backup.ts'
import { dataBetween, holesBetween } from './content.ts'
import type { Stretch } from './content.ts'

/** Holes of a file whose member has all bytes: a pax comment, which other readers ignore. */
const HOLES = 'berth holes '

/**
 * The tar member of an entry.
 *
 * @param prefix of its volume: `./` or `NAME/`
 * @param sparse whether holes are left out of the member, in the way of GNU tar
 * @returns undefined for what tar has no type for: it is in the index alone
 */
export function memberOf(entry: BackupEntry, prefix: ByteString, sparse: boolean): TarEntry | undefined {
  const { type } = entry
  if (type === 'socket' || entry.inBase) return undefined
  const [major, minor] = entry.device ?? [0, 0]
  const member: TarEntry = {
    name: prefix + entry.path + (type === 'directory' && entry.path !== '' ? '/' : ''),
    type: type satisfies TarType,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    mtime: { seconds: entry.mtime[0], nanos: entry.mtime[1] },
    linkName: type === 'link' ? prefix + entry.link! : (entry.link ?? ''),
    major,
    minor,
    xattrs: undefined,
  }
  if (entry.atime) member.atime = { seconds: entry.atime[0], nanos: entry.atime[1] }
  if (entry.xattrs) {
    const pairs = Object.entries(entry.xattrs)
    member.xattrs = new Map(pairs.map(([name, value]) => [encodeName(name), Buffer.from(value, 'base64')]))
  }
  if (entry.holes && sparse) member.data = dataBetween(entry.holes, entry.size)
  else if (entry.holes) member.comment = HOLES + entry.holes.map(hole => hole.join('+')).join(',')
  return member
}

/** Names of attributes in pax keywords, as GNU tar writes them: a keyword ends at the first `=`. */
function encodeName(name: ByteString): ByteString {
  return name.replace(/[%=]/g, char => (char === '%' ? '%25' : '%3D'))
}

export function decodeName(name: ByteString): ByteString {
  return name.replace(/%(25|3D)/g, (_, code) => (code === '25' ? '%' : '='))
}

/**
 * The entry of a member, without digest.
 *
 * @param place of the volume, and the member's clean path in it
 */
export function entryOfMember(
  member: TarEntry,
  place: { volume: number; path: ByteString; link?: ByteString },
): BackupEntry {
  const { type, mode, uid, gid, mtime, atime } = member
  const entry: BackupEntry = {
    volume: place.volume,
    path: place.path,
    type,
    mode,
    uid,
    gid,
    size: type === 'file' ? member.size : 0,
    mtime: [mtime.seconds, mtime.nanos],
  }
  if (atime) entry.atime = [atime.seconds, atime.nanos]
  if (type === 'block' || type === 'char') entry.device = [member.major, member.minor]
  if (type === 'symlink') entry.link = member.linkName
  if (type === 'link') entry.link = place.link ?? ''
  if (member.xattrs) {
    entry.xattrs = Object.fromEntries(
      Array.from(member.xattrs, ([name, value]) => [decodeName(name), value.toString('base64')]),
    )
  }
  const holes = holesOf(member)
  if (holes) entry.holes = holes
  return entry
}

function holesOf(member: TarEntry): Stretch[] | undefined {
  if (member.type !== 'file') return undefined
  if (member.data) return holesBetween(member.data, member.size)
  if (!member.comment?.startsWith(HOLES)) return undefined
  let end = 0
  return member.comment
    .slice(HOLES.length)
    .split(',')
    .map(text => {
      const match = /^(\d{1,16})\+(\d{1,16})$/.exec(text)
      const hole: Stretch = [Number(match?.[1]), Number(match?.[2])]
      if (!match || hole[0] < end || hole[0] + hole[1] > member.size)
        throw invalid(`archive member ${member.name} has a damaged map of its holes`)
      end = hole[0] + hole[1]
      return hole
    })
}

/** What a volume's members are named below. */
export function prefixOf(header: BackupHeader, volume: number): ByteString {
  return header.volumes.length === 1 ? './' : `${header.volumes[volume]!.name}/`
}

/** Tells, of entries in the order of an archive, which have no member: content of the base, sockets, and links to those. */
export class OnlyInIndex {
  readonly #sockets = new Set<string>()

  has(entry: BackupEntry): boolean {
    if (entry.type === 'socket') this.#sockets.add(`${entry.volume}/${entry.path}`)
    if (entry.type === 'link') return this.#sockets.has(`${entry.volume}/${entry.link}`)
    return entry.type === 'socket' || entry.inBase === true
  }
}
