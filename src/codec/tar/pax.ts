import { invalid } from '#lib/errors.ts'
import { bytes } from './entry.ts'
import type { ByteString, TarEntry } from './entry.ts'
import { octalMax } from './header.ts'

/** pax extended header records, values as bytes (pax(1), POSIX.1-2001). */
export type PaxRecords = Map<ByteString, ByteString>

const XATTR = 'SCHILY.xattr.'

/** Parses `LENGTH KEY=VALUE\n` records between two offsets. An empty value takes a global record back. */
export function decodePax(data: Buffer, start = 0, end = data.length): PaxRecords {
  const records: PaxRecords = new Map()
  const text = data.toString('latin1', start, end)
  for (let at = 0; at < text.length && text.charCodeAt(at) !== 0;) {
    const space = text.indexOf(' ', at)
    const length = space < 0 ? Number.NaN : Number(text.slice(at, space))
    const next = at + length
    if (
      !Number.isInteger(length) ||
      length < space - at + 3 ||
      next > text.length ||
      text.charCodeAt(next - 1) !== 0x0a
    )
      throw invalid('tar archive has a damaged pax header')
    const equals = text.indexOf('=', space)
    if (equals <= space + 1 || equals >= next - 1) throw invalid('tar archive has a pax record without a key')
    records.set(text.slice(space + 1, equals), text.slice(equals + 1, next - 1))
    at = next
  }
  return records
}

export function encodePax(records: PaxRecords): ByteString {
  let text = ''
  for (const [key, value] of records) text += paxRecord(key, value)
  return text
}

function paxRecord(key: ByteString, value: ByteString): ByteString {
  const rest = key.length + value.length + 3
  let length = rest + digits(rest)
  if (rest + digits(length) > length) length = rest + digits(length)
  return `${length} ${key}=${value}\n`
}

function digits(value: number): number {
  return value < 100 ? (value < 10 ? 1 : 2) : String(value).length
}

/** Lays the records over what the header block said. A global comment is about the archive, not about its members. */
export function applyPax(entry: TarEntry, records: PaxRecords, scope: 'global' | 'local'): void {
  for (const [key, value] of records) {
    if (key.startsWith(XATTR)) {
      entry.xattrs ??= new Map()
      entry.xattrs.set(key.slice(XATTR.length), bytes(value))
    } else if (key.startsWith('GNU.sparse.')) continue
    else if (value === '') continue
    else if (key === 'path') entry.name = value
    else if (key === 'linkpath') entry.linkName = value
    else if (key === 'size') entry.size = integer(key, value)
    else if (key === 'uid') entry.uid = integer(key, value)
    else if (key === 'gid') entry.gid = integer(key, value)
    else if (key === 'mtime') entry.mtime = decodeTime(value)
    else if (key === 'atime') entry.atime = decodeTime(value)
    else if (key === 'comment' && scope === 'local') entry.comment = value
    else if (key === 'SCHILY.devmajor') entry.major = integer(key, value)
    else if (key === 'SCHILY.devminor') entry.minor = integer(key, value)
  }
}

/** The records that an entry needs beside its ustar block; '' for none. */
export function neededPax(entry: TarEntry): ByteString {
  let text = ''
  if (entry.name.length > 100 || !ascii(entry.name)) text += paxRecord('path', entry.name)
  if (entry.linkName.length > 100 || !ascii(entry.linkName)) text += paxRecord('linkpath', entry.linkName)
  if (entry.size > octalMax(12)) text += paxRecord('size', String(entry.size))
  if (entry.uid > octalMax(8)) text += paxRecord('uid', String(entry.uid))
  if (entry.gid > octalMax(8)) text += paxRecord('gid', String(entry.gid))
  if (entry.major > octalMax(8)) text += paxRecord('SCHILY.devmajor', String(entry.major))
  if (entry.minor > octalMax(8)) text += paxRecord('SCHILY.devminor', String(entry.minor))
  const { mtime, atime } = entry
  if (mtime.nanos > 0 || mtime.seconds < 0 || mtime.seconds > octalMax(12))
    text += paxRecord('mtime', encodeTime(mtime))
  if (atime) text += paxRecord('atime', encodeTime(atime))
  if (entry.comment !== undefined) text += paxRecord('comment', entry.comment)
  if (entry.xattrs) for (const [key, value] of entry.xattrs) text += paxRecord(XATTR + key, value.toString('latin1'))
  return text
}

/** A time before the epoch counts back: -1.25 is 750 ms after -2. */
function encodeTime({ seconds, nanos }: { seconds: number; nanos: number }): string {
  if (nanos === 0) return String(seconds)
  const fraction = (seconds < 0 ? 1e9 - nanos : nanos).toString().padStart(9, '0')
  if (seconds >= 0) return `${seconds}.${fraction}`
  return seconds === -1 ? `-0.${fraction}` : `${seconds + 1}.${fraction}`
}

/** `1700000000.123456789`; digits past nanoseconds are dropped. */
function decodeTime(value: string): { seconds: number; nanos: number } {
  const match = /^(-?\d+)(?:\.(\d+))?$/.exec(value)
  if (!match) throw invalid(`tar archive has an unreadable time ${JSON.stringify(value)}`)
  const seconds = Number(match[1])
  const nanos = Number((match[2] ?? '').padEnd(9, '0').slice(0, 9))
  return value.startsWith('-') && nanos > 0 ? { seconds: seconds - 1, nanos: 1e9 - nanos } : { seconds, nanos }
}

function integer(key: string, value: string): number {
  const result = Number(value)
  if (!Number.isSafeInteger(result) || result < 0) throw invalid(`tar archive has a pax ${key} of ${value}`)
  return result
}

function ascii(text: ByteString): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}
