import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A log file held open: rotation renames it, and the file's name is not its identity. */
export interface OpenLog {
  fd: number
  identity: string
}

/**
 * Opens the files of a log, oldest first: `PATH.N` … `PATH.1`, `PATH`. Synchronous, so that no rotation of this process
 * comes between.
 *
 * @param after identity of the newest file that the caller has; only newer ones are opened, or all when it has gone
 */
export function openLogs(path: string, after?: string): OpenLog[] {
  const opened: OpenLog[] = []
  for (const name of logNames(path)) {
    const file = tryOpen(name)
    if (!file) continue
    if (file.identity === after) {
      closeSync(file.fd)
      break
    }
    opened.push(file)
  }
  return opened.reverse()
}

/** Existing files of a log, newest first. */
export function logNames(path: string): string[] {
  const base = basename(path)
  let entries: string[]
  try {
    entries = readdirSync(dirname(path))
  } catch {
    return []
  }
  const numbered = entries
    .filter(entry => entry.startsWith(`${base}.`) && /^\d+$/.test(entry.slice(base.length + 1)))
    .map(entry => Number(entry.slice(base.length + 1)))
    .sort((a, b) => a - b)
  const names = numbered.map(number => join(dirname(path), `${base}.${number}`))
  return entries.includes(base) ? [path, ...names] : names
}

function tryOpen(path: string): OpenLog | undefined {
  try {
    const fd = openSync(path, 'r')
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return { fd, identity: `${dev}:${ino}` }
  } catch {
    return undefined
  }
}
