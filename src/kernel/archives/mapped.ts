import { readdirSync, readFileSync } from 'node:fs'

/** `ADDRESSES PERMISSIONS OFFSET DEVICE INODE`, shared and writable. */
const SHARED = /^[0-9a-f]+-[0-9a-f]+ .w.s [0-9a-f]+ \S+ ([1-9]\d*)/gm

/**
 * Inode numbers of the files that programs have mapped to write to (proc_pid_maps(5)). What they write is seen in a file's
 * times only once for each time that its pages go to the disk: until then the content changes without a trace. On which
 * device is left out, since btrfs tells another one here than stat(2) does.
 */
export function mappedToWrite(): Set<string> {
  const found = new Set<string>()
  for (const process of readdirSync('/proc')) {
    if (!/^\d+$/.test(process)) continue
    for (const [, inode] of mapsOf(process).matchAll(SHARED)) found.add(inode!)
  }
  return found
}

function mapsOf(process: string): string {
  try {
    return readFileSync(`/proc/${process}/maps`, 'latin1')
  } catch {
    // It has ended.
    return ''
  }
}
