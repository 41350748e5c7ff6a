import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { conflict } from '#lib/errors.ts'
import type { Processes } from '#ports/processes.ts'

/** Bytes, of which two numbers take some. */
const SIZE = 64

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
    write(path, text)
  }
  return () => {
    if (read(pidfile)[0] === process.pid) rmSync(pidfile, { force: true })
    if (read(claim)[0] === process.pid) write(claim, '')
  }
}

/** In place, and the claim is emptied rather than deleted: its block serves the next daemon, should the disk be full. */
function write(path: string, text: string): void {
  const padded = text.padEnd(SIZE, '\n')
  let fd: number
  try {
    fd = openSync(path, 'r+')
  } catch {
    return writeFileSync(path, padded)
  }
  try {
    writeSync(fd, padded, 0)
  } finally {
    closeSync(fd)
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
