import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { conflict } from '#lib/errors.ts'
import type { Processes } from '#ports/processes.ts'

/**
 * Keeps a second daemon off the same roots: the pidfile names a process and its start time, so that a reused pid of a
 * killed daemon is not taken for a live one.
 *
 * @returns releases it
 * @throws conflict naming the live daemon
 */
export function lockRoots(pidfile: string, dataRoot: string, processes: Processes): () => void {
  const claim = `${dataRoot}/daemon.pid`
  for (const path of [pidfile, claim]) {
    const [pid, startTime] = read(path)
    if (pid !== process.pid && startTime && processes.isAlive(pid, startTime)) {
      throw conflict(
        `${path} says that a daemon with pid ${pid} is using ${dataRoot}: stop it, or choose another --data-root`,
      )
    }
  }
  const text = `${process.pid}\n${processes.startTime(process.pid) ?? ''}\n`
  for (const path of [pidfile, claim]) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return () => {
    for (const path of [pidfile, claim]) if (read(path)[0] === process.pid) rmSync(path, { force: true })
  }
}

function read(path: string): [number, string | undefined] {
  try {
    const [pid, startTime] = readFileSync(path, 'utf8').split('\n')
    return [Number(pid), startTime || undefined]
  } catch {
    return [0, undefined]
  }
}
