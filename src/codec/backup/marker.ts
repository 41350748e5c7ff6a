import { encodeGlobal } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import type { BackupHeader } from '#model/backup.ts'
import { decodeHeader } from './lines.ts'

const MARKER = 'berth backup '

/** The archive's first member: a pax header for all that follow, whose `comment` other readers ignore. */
export function encodeMarker(header: BackupHeader): Buffer {
  return encodeGlobal(new Map([['comment', Buffer.from(MARKER + JSON.stringify(header)).toString('latin1')]]))
}

/**
 * @param records of a pax header for all members
 * @returns undefined when the archive is none of ours
 * @throws invalid when it is one, but damaged or of a version that is not known
 */
export function decodeMarker(records: ReadonlyMap<ByteString, ByteString>): BackupHeader | undefined {
  const comment = records.get('comment')
  if (!comment?.startsWith(MARKER)) return undefined
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(comment.slice(MARKER.length), 'latin1').toString())
  } catch {
    header = undefined
  }
  return decodeHeader(header)
}
