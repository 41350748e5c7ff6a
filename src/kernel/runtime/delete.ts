import { existsSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { isKind } from '#lib/errors.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { kill } from '#kernel/ffi/libc.ts'
import { setFrozen } from '#kernel/cgroups/freezer.ts'
import { everyPathBelow } from '#kernel/cgroups/layout.ts'
import { pidsBelow, processHierarchy, removeCgroups } from '#kernel/cgroups/remove.ts'
import type { RuntimeContext } from './context.ts'
import type { ExitWatcher } from './exits.ts'
import { signalProcess } from './signal.ts'
import { liveInit, liveMonitor, readNote } from './state.ts'

const SIGKILL = 9
/** Milliseconds for which a monitor may go on writing to slow clients after its process has ended. */
const DRAIN = 300
/** Milliseconds until a monitor that still has not written the exit code is killed. */
const PATIENCE = 10_000

/**
 * Ends what runs and removes what is left: what `crun delete --force` does, without a process.
 *
 * @param dropClients disconnects everyone attached to the container, since a monitor that waits for a slow client
 *   notices nothing else
 */
export async function deleteContainer(
  ctx: RuntimeContext,
  exits: ExitWatcher,
  id: string,
  dropClients: () => void,
): Promise<void> {
  const bundle = ctx.paths.bundle(id)
  const note = readNote(ctx, id)
  const cgroups = note ? everyPathBelow(ctx.layout, note.cgroupsPath) : {}
  await endProcesses(ctx, id, cgroups)
  await endMonitor(exits, id, bundle, dropClients)
  await removeCgroups(cgroups)
  rmSync(ctx.paths.runtimeState(id), { recursive: true, force: true })
  removeWhole(bundle)
  exits.forget(id)
}

/**
 * The monitor, which has written the exit code and is about to end, removes its own files beside us, and rmSync takes an
 * entry that has gone meanwhile for the end of its work.
 */
function removeWhole(directory: string): void {
  for (let tries = 0; tries < 10 && existsSync(directory); tries++) rmSync(directory, { recursive: true, force: true })
}

async function endProcesses(ctx: RuntimeContext, id: string, cgroups: Record<string, string>): Promise<void> {
  const hierarchy = processHierarchy(cgroups)
  const deadline = Date.now() + PATIENCE
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const init = liveInit(ctx, id)
    const pids = hierarchy === undefined ? [] : pidsBelow(hierarchy)
    if (!init && pids.length === 0) return
    if (init) killQuietly(() => signalProcess(init, SIGKILL, `container ${id}`))
    // Processes that share the host's pid namespace do not die with the first one.
    for (const pid of pids) killQuietly(() => kill(pid, SIGKILL))
    await thawQuietly(cgroups)
    if (Date.now() > deadline) return
    await setTimeout(wait)
  }
}

/** Waits until the monitor has written the exit code, so that it writes into no directory that is gone. */
async function endMonitor(exits: ExitWatcher, id: string, bundle: string, dropClients: () => void): Promise<void> {
  const started = Date.now()
  let dropped = false
  for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
    if (exits.check(id)) return
    const monitor = liveMonitor(bundle)
    if (monitor === undefined) break
    const waited = Date.now() - started
    if (waited > DRAIN && !dropped) {
      dropped = true
      dropClients()
    }
    if (waited > PATIENCE) killQuietly(() => kill(monitor, SIGKILL))
    await setTimeout(wait)
  }
  // Nobody is left who knows the code. The monitor may have written it just before it ended.
  if (exits.check(id) || !existsSync(bundle)) return
  exits.report({ containerId: id, exitCode: 137, finishedAt: Date.now(), oomKilled: false })
}

function killQuietly(send: () => void): void {
  try {
    send()
  } catch (error) {
    if (!isKind(error, 'not-found') && !hasErrno(error, 'ESRCH')) throw error
  }
}

/** A frozen process takes its SIGKILL only when thawed (cgroup v1). */
async function thawQuietly(cgroups: Record<string, string>): Promise<void> {
  try {
    await setFrozen(cgroups, false)
  } catch {
    // No freezer, or the cgroup has gone.
  }
}
