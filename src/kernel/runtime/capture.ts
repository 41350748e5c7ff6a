import { closeSync, constants, openSync, readSync } from 'node:fs'
import { fcntl } from '#kernel/ffi/libc.ts'
import { pipe, reap, spawnProcess } from '#kernel/ffi/spawn.ts'

const F_SETFL = 4

export interface Captured {
  /** Undefined while it runs. */
  exitCode(): number | undefined
  /** What it wrote, up to 64 KiB; call it once, at the end. */
  output(): string
}

/** Starts a short program from the calling thread, so that it runs in the namespace that the thread is in now. */
export function captureProcess(file: string, args: string[], cwd: string): Captured {
  const [readEnd, writeEnd] = pipe()
  fcntl(readEnd, F_SETFL, constants.O_NONBLOCK)
  const nothing = openSync('/dev/null', 'r')
  let pid: number
  try {
    const env = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C']
    pid = spawnProcess({ file, args, env, cwd, fds: { 0: nothing, 1: writeEnd, 2: writeEnd } })
  } catch (error) {
    closeSync(readEnd)
    throw error
  } finally {
    closeSync(writeEnd)
    closeSync(nothing)
  }
  let code: number | undefined
  return {
    exitCode: () => (code ??= reap(pid)),
    output() {
      const buffer = Buffer.allocUnsafe(8192)
      try {
        return buffer.toString('utf8', 0, readSync(readEnd, buffer)).trim()
      } catch {
        return ''
      } finally {
        closeSync(readEnd)
      }
    },
  }
}
