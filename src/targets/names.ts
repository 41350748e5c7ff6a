import { invalid } from '#lib/errors.ts'

/**
 * A name that stays below its place, whatever the place is.
 * @returns it, in segments
 * @throws invalid for `..`, empty segments, null bytes and what we name our own partial files
 */
export function segmentsOf(name: string): string[] {
  const segments = name.split('/')
  for (const segment of segments) {
    const bad = segment === '' || segment === '.' || segment === '..' || segment.includes('\0') || isPart(segment)
    if (bad) throw invalid(`invalid name ${JSON.stringify(name)} for a backup`)
    if (Buffer.byteLength(segment) > MAX_SEGMENT) {
      throw invalid(`the name ${JSON.stringify(name)} is too long: at most ${MAX_SEGMENT} bytes between slashes`)
    }
  }
  return segments
}

/** Bytes; file systems take 255, and a part's name is 23 longer. */
const MAX_SEGMENT = 230
const PART = /^\..*\.part-[0-9a-f]{16}$/s

/** Whether it is what lies beside a file while that is being written. */
export const isPart = (segment: string) => PART.test(segment)

/** @param random 16 hex digits */
export const partOf = (segment: string, random: string) => `.${segment}.part-${random}`

/** Milliseconds after which nobody comes back to a part. */
export const STALE_AFTER = 24 * 60 * 60 * 1000
