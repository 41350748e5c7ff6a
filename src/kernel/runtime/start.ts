import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { conflict, notFound, system } from '#lib/errors.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { RuntimeContext } from './context.ts'
import { liveInit, startFifo } from './state.ts'

/** Milliseconds. */
const PATIENCE = 10_000

/**
 * Does what `crun start` and `runc start` do, without a process: the container's first process waits at a fifo, which
 * crun's reads and runc's writes.
 */
export async function startContainer(ctx: RuntimeContext, id: string): Promise<void> {
  const fifo = startFifo(ctx, id)
  const deadline = Date.now() + PATIENCE
  for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
    if (ctx.oci.name === 'crun' ? releaseReader(fifo, id) : releaseWriter(fifo, id)) return
    // It has not yet come to the fifo, or never will.
    if (!liveInit(ctx, id)) throw notFound(`the process of container ${id} ended before it was started`)
    if (Date.now() > deadline) throw system(`container ${id} does not come to its start`)
    await setTimeout(wait)
  }
}

function releaseReader(fifo: string, id: string): boolean {
  const fd = openFifo(fifo, constants.O_WRONLY | constants.O_NONBLOCK, id)
  if (fd === undefined) return false
  try {
    // From here on it will run, even if we die now: the end of the fifo releases it too. So it counts as started.
    rmSync(fifo, { force: true })
    writeSync(fd, '\0')
    return true
  } finally {
    closeSync(fd)
  }
}

function releaseWriter(fifo: string, id: string): boolean {
  const fd = openFifo(fifo, constants.O_RDONLY | constants.O_NONBLOCK, id)
  if (fd === undefined) return false
  try {
    if (readSync(fd, Buffer.alloc(8)) === 0) return false
    rmSync(fifo, { force: true })
    return true
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return false
    throw error
  } finally {
    closeSync(fd)
  }
}

function openFifo(fifo: string, flags: number, id: string): number | undefined {
  try {
    return openSync(fifo, flags)
  } catch (error) {
    if (hasErrno(error, 'ENXIO')) return undefined
    if (hasErrno(error, 'ENOENT')) throw conflict(`container ${id} is not waiting to be started`)
    throw error
  }
}
