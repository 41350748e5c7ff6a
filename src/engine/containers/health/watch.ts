import type { ContainerRecord, ContainerState, Health, HealthProbe } from '#model/container.ts'
import { inBackground, publish, type Context } from '../context.ts'
import { afterProbe, healthPlan, nextProbeIn, STARTING, type HealthPlan } from './probe-result.ts'
import { runProbe } from './run-probe.ts'

/** Begins the health checks of a run, or goes on with them after a restart of the daemon. */
export function watchHealth(ctx: Context, record: ContainerRecord): void {
  const plan = healthPlan(record.config.Healthcheck, record.config.Shell)
  if (!plan || record.state.kind !== 'running') return
  const live = ctx.live.of(record.id)
  live.health?.abort()
  const stop = (live.health = new AbortController())
  const health = record.state.health ?? STARTING
  ctx.records.setState(record.id, { ...record.state, health })
  ctx.networks.setHealthy(record.id, servesIn({ ...record.state, health }))
  inBackground(ctx, `health of ${record.name}`, () => loop(ctx, record.id, plan, stop.signal))
}

async function loop(ctx: Context, id: string, plan: HealthPlan, signal: AbortSignal): Promise<void> {
  for (;;) {
    const run = runOf(ctx, id)
    if (!run) return
    try {
      await ctx.clock.sleep(nextProbeIn(run.health, plan, ctx.clock.now() - run.startedAt), signal)
    } catch {
      return
    }
    const record = ctx.records.get(id)
    // Nothing can be run in a frozen container: the check waits with it.
    if (record?.state.kind === 'paused') continue
    if (record?.state.kind !== 'running' || signal.aborted) return
    const sinceStart = ctx.clock.now() - run.startedAt
    const probe = await runProbe(ctx, record, plan, signal)
    if (!probe || signal.aborted) return
    note(ctx, id, probe, plan, sinceStart)
  }
}

function note(ctx: Context, id: string, probe: HealthProbe, plan: HealthPlan, sinceStart: number): void {
  const record = ctx.records.get(id)
  if (!record || (record.state.kind !== 'running' && record.state.kind !== 'paused')) return
  const before = record.state.health ?? STARTING
  const health = afterProbe(before, probe, plan, sinceStart)
  const updated = ctx.records.setState(id, { ...record.state, health })
  if (health.Status === before.Status) return
  ctx.networks.setHealthy(id, servesIn(updated.state))
  publish(ctx, updated, `health_status: ${health.Status}`)
}

function runOf(ctx: Context, id: string): { startedAt: number; health: Health } | undefined {
  const state = ctx.records.get(id)?.state
  if (state?.kind !== 'running' && state?.kind !== 'paused') return undefined
  return { startedAt: Date.parse(state.run.startedAt), health: state.health ?? STARTING }
}

/** Whether a container in this state is to be reached where another could be: not while its check still finds it starting. */
export function servesIn(state: ContainerState): boolean {
  return state.kind === 'running' && (!state.health || ['healthy', 'none'].includes(state.health.Status))
}
