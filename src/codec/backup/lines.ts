import { invalid } from '#lib/errors.ts'
import type { BackupEntry, BackupHeader, BackupVolume } from '#model/backup.ts'

/** What the index says at its end. */
export interface IndexEnd {
  entries: number
  files: number
  bytes: number
  treeDigests: string[]
  changedWhileRead: string[]
}

/** Lines of the index: the header, every entry in the order of the walk (names by bytes, a directory before what is in it), the end. */
export type IndexLine = { header: BackupHeader } | BackupEntry | { end: IndexEnd }

export function encodeLine(line: IndexLine): string {
  return 'path' in line ? entryLine(line) : `${JSON.stringify(line)}\n`
}

/** JSON; written by hand, since there may be millions of them. */
function entryLine(entry: BackupEntry): string {
  const { volume, path, type, mode, uid, gid, size, mtime, atime, digest, stamp } = entry
  let text = `{"volume":${volume},"path":${quoted(path)},"type":"${type}","mode":${mode},"uid":${uid},"gid":${gid},"size":${size},"mtime":[${mtime[0]},${mtime[1]}]`
  if (atime) text += `,"atime":[${atime[0]},${atime[1]}]`
  if (digest !== undefined) text += `,"digest":"${digest}"`
  if (stamp !== undefined) text += `,"stamp":"${stamp}"`
  if (entry.holes) text += `,"holes":${JSON.stringify(entry.holes)}`
  if (entry.link !== undefined) text += `,"link":${quoted(entry.link)}`
  if (entry.device) text += `,"device":${JSON.stringify(entry.device)}`
  if (entry.xattrs) text += `,"xattrs":${JSON.stringify(entry.xattrs)}`
  if (entry.inBase) text += ',"inBase":true'
  return `${text}}\n`
}

/**
 * What `Archives.digest` hashes of one path: all that a restore gives back. Access times are left out, since reading
 * changes them, and holes, since where they can lie is the file system's choice.
 */
export function treeLine(entry: BackupEntry): string {
  const { path, type, mode, uid, gid, size, mtime, digest, link, device, xattrs } = entry
  const text = `[${quoted(path)},"${type}",${mode},${uid},${gid},${size},${mtime[0]},${mtime[1]},"${digest ?? ''}"`
  if (link === undefined && !device && !xattrs) return `${text}]\n`
  return `${text},${JSON.stringify([link ?? null, device ?? null, sorted(xattrs)])}]\n`
}

/** What the tar's members must say alike with the index, beside `treeLine`. */
export function memberLine(entry: BackupEntry): string {
  const { volume, atime, holes } = entry
  return `${volume} ${atime ? atime[0] : ''} ${atime ? atime[1] : ''} ${holes ? JSON.stringify(holes) : ''}\n`
}

/** JSON of a ByteString. */
function quoted(text: string): string {
  return /^[\x20!#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text)
}

function sorted(xattrs: Record<string, string> | undefined): [string, string][] | null {
  if (!xattrs) return null
  return Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1))
}

const TYPES: ReadonlySet<string> = new Set<BackupEntry['type']>([
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'block',
  'char',
  'link',
])

/** @throws invalid when the line is none that `encodeLine` wrote */
export function decodeLine(text: string): IndexLine {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (cause) {
    throw damaged('a line is no JSON', cause)
  }
  if (typeof line !== 'object' || line === null) throw damaged('a line is no object')
  if ('header' in line) return { header: decodeHeader(line.header) }
  if ('end' in line) return { end: decodeEnd(line.end) }
  return decodeEntry(line as Partial<Record<keyof BackupEntry, unknown>>)
}

function decodeEntry(line: Partial<Record<keyof BackupEntry, unknown>>): BackupEntry {
  const { volume, path, type, mode, uid, gid, size, mtime, atime, digest, holes, link, device, xattrs, stamp } = line
  const whole =
    isCount(volume) &&
    isPath(path) &&
    typeof type === 'string' &&
    TYPES.has(type) &&
    isCount(mode) &&
    mode <= 0o7777 &&
    isCount(uid) &&
    isCount(gid) &&
    isCount(size) &&
    isPair(mtime) &&
    optional(atime, isPair) &&
    optional(digest, isDigest) &&
    (type === 'file') === (digest !== undefined) &&
    optional(holes, holes => Array.isArray(holes) && holes.every(isPair)) &&
    optional(link, isString) &&
    (type === 'symlink' || type === 'link') === (link !== undefined) &&
    optional(device, isPair) &&
    optional(
      xattrs,
      xattrs => typeof xattrs === 'object' && xattrs !== null && Object.values(xattrs).every(isString),
    ) &&
    optional(stamp, isString) &&
    (line.inBase === undefined || (line.inBase === true && type === 'file'))
  if (!whole)
    throw damaged(`the entry of ${typeof path === 'string' ? JSON.stringify(path) : 'a path'} is not complete`)
  return line as unknown as BackupEntry
}

export function decodeHeader(value: unknown): BackupHeader {
  const header = value as Partial<BackupHeader> | null
  const whole =
    typeof header === 'object' &&
    header !== null &&
    isString(header.id) &&
    isString(header.createdAt) &&
    Array.isArray(header.volumes) &&
    header.volumes.every(isVolume) &&
    (header.base === undefined || isString(header.base?.id))
  if (!whole) throw damaged('its header is not complete')
  if (header.version !== 1)
    throw invalid(`archive has version ${String(header.version)}, which this berth does not know: use a newer one`)
  return header as BackupHeader
}

/** What becomes part of a volume's record, which everybody reads from then on. */
function isVolume(value: unknown): boolean {
  const { name, driver, labels, options } = (value ?? {}) as Partial<BackupVolume>
  return isString(name) && isString(driver) && isMap(labels) && isMap(options)
}

function decodeEnd(value: unknown): IndexEnd {
  const end = value as Partial<IndexEnd> | null
  const whole =
    typeof end === 'object' &&
    end !== null &&
    isCount(end.entries) &&
    isCount(end.files) &&
    isCount(end.bytes) &&
    Array.isArray(end.treeDigests) &&
    end.treeDigests.every(isDigest) &&
    Array.isArray(end.changedWhileRead) &&
    end.changedWhileRead.every(isString)
  if (!whole) throw damaged('its last line is not complete')
  return end as IndexEnd
}

export function damaged(what: string, cause?: unknown): Error {
  return invalid(`archive has a damaged index: ${what}`, { cause })
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isString)
const isDigest = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isPair = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && Number.isSafeInteger(value[0]) && isCount(value[1])

/** Relative, without empty, `.` and `..` components. */
const isPath = (value: unknown): value is string =>
  typeof value === 'string' && !/(^|\/)\.{0,2}(\/|$)|\0/.test(value === '' ? 'root' : value)

function optional(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === undefined || is(value)
}
