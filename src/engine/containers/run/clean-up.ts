import type { ContainerRecord } from '#model/container.ts'
import type { Context } from '../context.ts'
import { parseIpcMode, parseNetworkMode } from '../spec/modes.ts'
import { shmPath } from './join.ts'

/** Releases what a run held on the host besides its network. Past errors: a leak is logged, never fatal. */
export async function cleanUp(ctx: Context, record: ContainerRecord): Promise<void> {
  const { id } = record
  const steps: [string, () => Promise<unknown>][] = [
    ['runtime', () => ctx.runtime.delete(id)],
    ...(record.mountPlan ?? [])
      .filter(plan => plan.type === 'volume')
      .map((plan): [string, () => Promise<unknown>] => [plan.source, () => ctx.volumes.unmount(plan.source, id)]),
  ]
  if (parseIpcMode(record.hostConfig.IpcMode ?? '').kind === 'shareable') {
    steps.push(['shm', () => ctx.mounts.unmount(shmPath(ctx, id))])
  }
  if ((ctx.live.peek(id)?.rootUsers ?? 0) === 0)
    steps.push(['rootfs', () => ctx.images.unmountRootfs(record.snapshotKey)])
  const results = await Promise.allSettled(steps.map(([, step]) => step()))
  results.forEach((result, index) => {
    if (result.status === 'rejected') {
      ctx.log.warn('clean-up after a run failed', { container: id, step: steps[index]?.[0], error: result.reason })
    }
  })
}

export async function closeNetwork(ctx: Context, record: ContainerRecord): Promise<void> {
  if (parseNetworkMode(record.hostConfig.NetworkMode).kind === 'container') return
  try {
    await ctx.networks.closeSandbox(record.id)
  } catch (error) {
    ctx.log.warn('closing the network failed', { container: record.id, error })
  }
}
