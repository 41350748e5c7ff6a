import type { ContainerState } from './container.ts'

/** Docker's word for a state (API: `State.Status`). */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export function statusOf(state: ContainerState): ContainerStatus {
  if (state.kind !== 'starting') return state.kind
  if (state.again) return 'restarting'
  return state.last ? 'exited' : 'created'
}

export type Verdict = { ok: true } | { ok: false; kind: 'not-modified' | 'conflict'; reason: string }

const yes: Verdict = { ok: true }
const no = (kind: 'not-modified' | 'conflict', reason: string): Verdict => ({ ok: false, kind, reason })

/** Whether the container's process exists. */
export function isAlive(
  state: ContainerState,
): state is Extract<ContainerState, { kind: 'running' } | { kind: 'paused' }> {
  return state.kind === 'running' || state.kind === 'paused'
}

export function canStart(state: ContainerState): Verdict {
  switch (state.kind) {
    case 'running':
    case 'starting':
      return no('not-modified', 'is already started')
    case 'paused':
      return no('conflict', 'is paused: unpause it first')
    case 'removing':
      return no('conflict', 'is being removed')
    case 'dead':
      return no('conflict', 'is dead: remove it')
    default:
      return yes
  }
}

export function canStop(state: ContainerState): Verdict {
  return isAlive(state) || state.kind === 'restarting' || state.kind === 'starting'
    ? yes
    : no('not-modified', 'is not running')
}

export function canKill(state: ContainerState): Verdict {
  return isAlive(state) || state.kind === 'restarting' ? yes : no('conflict', 'is not running')
}

export function canPause(state: ContainerState): Verdict {
  if (state.kind === 'running') return yes
  return no('conflict', state.kind === 'paused' ? 'is already paused' : 'is not running')
}

export function canUnpause(state: ContainerState): Verdict {
  return state.kind === 'paused' ? yes : no('conflict', 'is not paused')
}

/** Exec, top, stats and attach to stdin need a live, unfrozen process. */
export function canExec(state: ContainerState): Verdict {
  if (state.kind === 'running') return yes
  return no('conflict', state.kind === 'paused' ? 'is paused, unpause the container before exec' : 'is not running')
}

export function canRemove(state: ContainerState, force: boolean): Verdict {
  if (state.kind === 'removing') return no('conflict', 'removal is already in progress')
  if (force) return yes
  if (state.kind === 'paused') return no('conflict', 'is paused and must be unpaused first')
  return isAlive(state) || state.kind === 'starting' || state.kind === 'restarting'
    ? no('conflict', 'is running: stop the container before removing or force remove')
    : yes
}
