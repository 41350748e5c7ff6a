import type { SyncRequest } from '#model/sync.ts'
import type { Pair } from './pairs.ts'

export type Decision = 'upload' | 'download' | 'delete' | { skip: string } | undefined

/**
 * What is to be done with a path, by the AWS command line's rules: sizes that differ, and to S3 a file that is newer than its
 * object. From S3 what has the same size is left, unless the file is newer than the object (it was changed since it was
 * fetched).
 */
export function decide(
  { path, file, object, skipped }: Pair,
  request: Pick<SyncRequest, 'direction' | 'delete' | 'sizeOnly' | 'exactTimestamps'>,
): Decision {
  const out = request.direction === 'to'
  // What could not be looked at stays as it is, on both sides.
  if (skipped !== undefined) return out || object ? { skip: skipped } : undefined
  if (out) {
    if (!file) return request.delete ? 'delete' : undefined
    if (!object) return Buffer.byteLength(path) > 1024 ? { skip: 'its name is longer than 1024 bytes' } : 'upload'
    const same = file.size === object.size && (request.sizeOnly || file.modified <= object.modified)
    return same ? undefined : 'upload'
  }
  if (!object) return request.delete ? 'delete' : undefined
  const bad = badName(path)
  // Consoles make empty objects with a slash at the end to show a directory.
  if (bad) return path.endsWith('/') && object.size === 0 ? undefined : { skip: bad }
  if (!file) return 'download'
  if (file.size !== object.size) return 'download'
  if (request.sizeOnly) return undefined
  const same = request.exactTimestamps
    ? Math.trunc(file.modified / 1000) === Math.trunc(object.modified / 1000)
    : Math.trunc(file.modified / 1000) <= Math.trunc(object.modified / 1000)
  return same ? undefined : 'download'
}

/** Why a key cannot be a path in a volume. */
function badName(key: string): string | undefined {
  const segments = key.split('/')
  if (segments.includes('..') || segments.includes('.')) return 'its key has . or .. between slashes'
  if (segments.includes('')) return 'its key has nothing between slashes'
  if (key.includes('\0')) return 'its key has a null byte'
  return segments.some(one => Buffer.byteLength(one) > 255) ? 'a part of its key is longer than 255 bytes' : undefined
}
