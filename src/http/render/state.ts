import { ZERO_TIME } from '#lib/clock.ts'
import { statusOf } from '#model/container-state.ts'
import type { ContainerState, Exit, Health } from '#model/container.ts'
import type { ContainerStateJson, HealthJson } from '#wire/index.ts'
import { humanDuration } from './duration.ts'

/** `State` of inspect. */
export function stateJson(state: ContainerState): ContainerStateJson {
  const last: Exit | undefined = 'last' in state ? state.last : undefined
  const run = 'run' in state ? state.run : undefined
  const alive = state.kind === 'running' || state.kind === 'paused'
  const status = statusOf(state)
  const json: ContainerStateJson = {
    Status: status,
    Running: alive || status === 'restarting',
    Paused: state.kind === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: last?.oomKilled ?? false,
    Dead: state.kind === 'dead',
    Pid: run?.pid ?? 0,
    ExitCode: (state.kind === 'created' ? state.exitCode : last?.code) ?? 0,
    Error: ('error' in state ? state.error : undefined) ?? last?.error ?? '',
    StartedAt: run?.startedAt ?? ('startedAt' in state ? state.startedAt : undefined) ?? ZERO_TIME,
    FinishedAt: last?.finishedAt ?? ZERO_TIME,
  }
  const health = 'health' in state ? state.health : undefined
  if (health) json.Health = healthJson(health)
  return json
}

function healthJson(health: Health): HealthJson {
  return { Status: health.Status, FailingStreak: health.FailingStreak, Log: health.Log }
}

/** `Status` of the list, in Docker's words. @param now milliseconds since the epoch */
export function statusText(state: ContainerState, now: number): string {
  const ago = (time: string) => humanDuration(now - Date.parse(time))
  switch (state.kind) {
    case 'created':
      return 'Created'
    case 'starting':
      if (!state.last) return 'Created'
      return state.again ? restarting(state.last) : exited(state.last)
    case 'running':
      return `Up ${ago(state.run.startedAt)}${healthSuffix(state.health)}`
    case 'paused':
      return `Up ${ago(state.run.startedAt)} (Paused)`
    case 'restarting':
      return restarting(state.last)
    case 'exited':
      return exited(state.last)
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
  }
  function restarting(last: Exit): string {
    return `Restarting (${last.code}) ${ago(last.finishedAt)} ago`
  }
  function exited(last: Exit): string {
    return `Exited (${last.code}) ${ago(last.finishedAt)} ago`
  }
}

function healthSuffix(health: Health | undefined): string {
  if (!health || health.Status === 'none') return ''
  return health.Status === 'starting' ? ' (health: starting)' : ` (${health.Status})`
}
