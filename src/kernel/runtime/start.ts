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
 *
 * @throws not-found when that process has ended; conflict when it was started before
 */
export async function startContainer(ctx: RuntimeContext, id: string): Promise<void> {
  if (ctx.oci.name === 'crun') return await releaseReader(ctx, id)
  await releaseWriter(ctx, id)
}

async function releaseReader(ctx: RuntimeContext, id: string): Promise<void> {
  const fifo = startFifo(ctx, id)
  // Opening to write fails until it has opened to read.
  const fd = await untilReady(ctx, id, () => openFifo(fifo, constants.O_WRONLY | constants.O_NONBLOCK, id))
  try {
    // From here on it will run, even if we die now: the end of the fifo releases it too. So it counts as started.
    rmSync(fifo, { force: true })
    writeSync(fd, '\0')
  } finally {
    closeSync(fd)
  }
}

async function releaseWriter(ctx: RuntimeContext, id: string): Promise<void> {
  const fifo = startFifo(ctx, id)
  const fd = openFifo(fifo, constants.O_RDONLY | constants.O_NONBLOCK, id)!
  try {
    // 0 bytes: it has not opened yet.
    await untilReady(ctx, id, () => readOrNothing(fd) || undefined)
    rmSync(fifo, { force: true })
  } finally {
    closeSync(fd)
  }
}

async function untilReady<T>(ctx: RuntimeContext, id: string, attempt: () => T | undefined): Promise<T> {
  const deadline = Date.now() + PATIENCE
  for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
    const result = attempt()
    if (result !== undefined) return result
    if (!liveInit(ctx, id)) throw notFound(`the process of container ${id} ended before it was started`)
    if (Date.now() > deadline) throw system(`container ${id} does not come to its start`)
    await setTimeout(wait)
  }
}

function readOrNothing(fd: number): number {
  try {
    return readSync(fd, Buffer.alloc(8))
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return 0
    throw error
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
