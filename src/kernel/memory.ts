import { native } from '#kernel/ffi/libc.ts'

/** Milliseconds between two looks. */
const INTERVAL = 3_000
/** Bytes that memory must have grown by since the last look to be worth a call, which takes some milliseconds. */
const WORTHWHILE = 1 << 20

/**
 * Gives the C library's free memory back to the kernel after bursts of work: glibc keeps what it once had, and a daemon
 * that is idle most of the time would hold its peak for ever (malloc_trim(3)). @returns the stop
 */
export function trimMemory(): () => void {
  const trim = native('int malloc_trim(size_t pad)')
  let resting = 0
  const look = () => {
    if (process.memoryUsage.rss() < resting + WORTHWHILE) return
    trim()(0)
    resting = process.memoryUsage.rss()
  }
  const timer = setInterval(look, INTERVAL)
  timer.unref()
  return () => clearInterval(timer)
}
