import type { EngineClient } from '#client/index.ts'
import { BerthError, isKind, system } from '#lib/errors.ts'
import type { ContainerInspect, EventMessage } from '#wire/index.ts'

/** `ready`: healthy, or running where there is no health check. */
export type Wanted = 'service_healthy' | 'service_completed_successfully' | 'ready'

/**
 * Resolves when a container is healthy, or has ended with 0; rejects, in Docker Compose's words, when it never will be.
 * The events are subscribed to before the first look, so that no change falls between.
 */
export async function meets(
  client: EngineClient,
  id: string,
  wanted: Wanted,
  options: { service: string; signal?: AbortSignal },
): Promise<void> {
  const { service, signal } = options
  const first = await look(client, id, wanted, service)
  if (first) return
  const stop = new AbortController()
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const events = await client.events.stream({ filters: { container: [id], type: ['container'] }, signal: both })
  try {
    if (await look(client, id, wanted, service)) return
    for await (const event of events) if (tells(event) && (await look(client, id, wanted, service))) return
    throw new BerthError('unavailable', `the daemon closed the event stream while service "${service}" was waited for`)
  } finally {
    stop.abort()
    await events.return(undefined).catch(() => {})
  }
}

const tells = (event: EventMessage) => /^(health_status|die|start|stop|destroy|oom)/.test(event.Action)

async function look(client: EngineClient, id: string, wanted: Wanted, service: string): Promise<boolean> {
  let inspected: ContainerInspect
  try {
    inspected = await client.containers.inspect(id)
  } catch (error) {
    if (isKind(error, 'not-found'))
      throw system(`container of service "${service}" was removed while it was waited for`)
    throw error
  }
  const { Name, State } = inspected
  if (wanted === 'service_completed_successfully') {
    if (State.Status !== 'exited') return false
    if (State.ExitCode === 0) return true
    throw system(`service "${service}" didn't complete successfully: exit ${State.ExitCode}`)
  }
  const fail = (what: string) =>
    system(`${wanted === 'ready' ? '' : 'dependency failed to start: '}container ${Name.slice(1)} ${what}`)
  if (State.Status === 'exited' || State.Status === 'dead') {
    if (wanted === 'ready' && State.ExitCode === 0 && !State.Health) return true
    throw fail(`exited (${State.ExitCode})`)
  }
  if (!State.Health || State.Health.Status === 'none') {
    if (wanted === 'ready') return State.Running && !State.Restarting
    throw fail('has no healthcheck configured')
  }
  if (State.Health.Status === 'unhealthy') throw fail('is unhealthy')
  return State.Health.Status === 'healthy'
}
