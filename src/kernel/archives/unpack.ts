import { invalid, messageOf } from '#lib/errors.ts'
import { damaged, decodeMarker, indexLines, treeLine } from '#codec/backup/index.ts'
import type { IndexEnd } from '#codec/backup/index.ts'
import { TarReader } from '#codec/tar/index.ts'
import type { BackupEntry, BackupHeader, BackupSummary } from '#model/backup.ts'
import { hasErrno } from '../ffi/errno.ts'
import { digestTree } from './digest.ts'
import { Extract } from './extract.ts'
import { FinishTree } from './finish-tree.ts'
import type { Input } from './input.ts'
import { OnlyInIndex } from './members.ts'
import { openInput } from './open-input.ts'
import { finish, Place } from './place.ts'
import { syncFilesystem } from './sys.ts'
import { MemberDigest, TreeDigests } from './tally.ts'
import { WalkOrder } from './walk-order.ts'

export interface UnpackJob {
  kind: 'unpack'
  foreign: 'accept' | 'refuse'
  durable: boolean
}

export interface UnpackHost {
  source: AsyncIterator<Buffer>
  place: (header: BackupHeader | undefined) => Promise<(string | undefined)[]>
  progress: (files: number, bytes: number) => void
  /** @throws cancelled when the work is not wanted any more */
  check: () => void
}

export async function unpack(job: UnpackJob, host: UnpackHost): Promise<BackupSummary> {
  const input = await openInput(host.source)
  const { header } = input
  if (!header && job.foreign === 'refuse')
    throw invalid(
      'archive is no backup that berth made, or its beginning is damaged: nothing vouches for its content; say that it is a foreign one to restore it all the same',
    )
  const paths = await host.place(header)
  const places: (Place | undefined)[] = []
  try {
    for (const path of paths) places.push(path === undefined ? undefined : new Place(path))
    if (places.length !== (header?.volumes.length ?? 1)) throw invalid('archive has another number of volumes')
    const summary = await unpackInto(input, places, host)
    if (job.durable) for (const place of places) if (place) syncFilesystem(place.root)
    return summary
  } finally {
    for (const place of places) place?.close()
  }
}

async function unpackInto(input: Input, places: (Place | undefined)[], host: UnpackHost): Promise<BackupSummary> {
  try {
    if (input.header) return await unpackOurs(input, input.header, places, host)
    return await unpackForeign(input, places[0], host)
  } catch (error) {
    throw explained(error)
  }
}

/** Errors of the kernel that only what the archive itself says can lead to. */
const FAULTS = ['ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ELOOP', 'EXDEV', 'EMLINK', 'EFBIG'] as const

function explained(error: unknown): unknown {
  if (!hasErrno(error, ...FAULTS)) return error
  return invalid(`archive cannot be unpacked: ${messageOf(error)}`, { cause: error })
}

/** Errors of the host, which no archive can cause. */
const HOST_ERRORS = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'ENOMEM', 'EMFILE', 'ENFILE'] as const

async function unpackOurs(
  input: Input,
  header: BackupHeader,
  places: (Place | undefined)[],
  host: UnpackHost,
): Promise<BackupSummary> {
  const members = new MemberDigest()
  const extract = new Extract({ places, header, onEntry: entry => members.add(entry), onProgress: host.progress })
  const reader = new TarReader(extract, { sparse: true })
  /** What could not be done, when the archive may be the reason: whether it is damaged is known at its end. */
  let failed: unknown
  try {
    for await (const chunk of input.tar) {
      host.check()
      if (failed !== undefined) continue
      try {
        reader.push(chunk)
      } catch (error) {
        if (hasErrno(error, ...HOST_ERRORS)) throw error
        failed = error
      }
    }
  } finally {
    extract.abort()
  }
  const { index, storedBytes, digest } = await input.verify()
  if (failed !== undefined) throw failed
  if (!reader.ended) throw damaged('the tar before it does not end')
  const { end, treeDigests } = finishOurs(index, header, places, members, host)
  const { files, bytes, changedWhileRead } = end
  return { header, files, bytes, storedBytes, digest, treeDigests, changedWhileRead }
}

function finishOurs(
  index: Buffer,
  header: BackupHeader,
  places: (Place | undefined)[],
  members: MemberDigest,
  host: UnpackHost,
): { end: IndexEnd; treeDigests: string[] } {
  const expected = new MemberDigest()
  const trees = new TreeDigests(places.length)
  const order = new WalkOrder(places.length)
  const onlyInIndex = new OnlyInIndex()
  const incremental = header.base !== undefined
  /** What is still to be done; an incremental archive's index is read again, since it is all of it. */
  const rest: BackupEntry[] = []
  let end: IndexEnd | undefined
  let entries = 0
  // Nothing of an index is used before all of it is known to fit the members.
  for (const line of indexLines(index)) {
    if (end) throw damaged('something follows its last line')
    if ('header' in line) {
      if (entries > 0 || JSON.stringify(line.header) !== JSON.stringify(header))
        throw damaged('its header is not that of the archive')
    } else if ('end' in line) end = line.end
    else {
      entries++
      order.add(line)
      const text = treeLine(line)
      trees.add(line, text)
      const alone = onlyInIndex.has(line)
      if (!alone) expected.add(line, text)
      if (!incremental && (alone || line.type === 'directory')) rest.push(line)
    }
  }
  if (!end || end.entries !== entries) throw damaged('it is cut short')
  order.finish()
  if (expected.finish() !== members.finish()) throw damaged('it does not say what the archive holds')
  const treeDigests = trees.finish()
  if (JSON.stringify(treeDigests) !== JSON.stringify(end.treeDigests)) throw damaged('its digests are wrong')
  const finishTree = new FinishTree(places, { incremental, check: host.check })
  try {
    for (const entry of incremental ? entriesIn(index) : rest) finishTree.add(entry)
    finishTree.finish()
  } finally {
    finishTree.close()
  }
  return { end, treeDigests }
}

function* entriesIn(index: Buffer): Generator<BackupEntry, void> {
  for (const line of indexLines(index)) if ('path' in line) yield line
}

async function unpackForeign(input: Input, place: Place | undefined, host: UnpackHost): Promise<BackupSummary> {
  const directories = new Map<string, BackupEntry>()
  const extract = new Extract({
    places: [place],
    header: undefined,
    onEntry: entry => {
      if (entry.type === 'directory') directories.set(entry.path, entry)
      else directories.delete(entry.path)
    },
    onProgress: host.progress,
  })
  const reader = new TarReader(
    {
      entry: member => extract.entry(member),
      data: chunk => extract.data(chunk),
      end: () => extract.end(),
      global: records => {
        if (decodeMarker(records))
          throw invalid('archive is a berth backup that was compressed anew: what vouched for it is lost')
      },
    },
    { sparse: true },
  )
  try {
    for await (const chunk of input.tar) {
      host.check()
      reader.push(chunk)
    }
  } finally {
    extract.abort()
  }
  if (!reader.ended) throw invalid('archive is not whole: its tar does not end')
  const { storedBytes, digest } = await input.verify()
  // The lowest first: a directory's mode may shut its owner out.
  for (const entry of Array.from(directories.values()).sort((a, b) => (a.path < b.path ? 1 : -1)))
    place?.withDirectory(entry.path, fd => finish(fd, entry, { fresh: false }))
  const treeDigests = place ? [await digestTree(place.path, host)] : []
  return {
    header: undefined,
    files: extract.files,
    bytes: extract.bytes,
    storedBytes,
    digest,
    treeDigests,
    changedWhileRead: [],
  }
}
