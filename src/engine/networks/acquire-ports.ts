import { BerthError, messageOf } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { PublishedPort } from '#model/container.ts'
import { membershipOf } from './balance/group.ts'
import type { Context, LiveSandbox } from './context.ts'
import { containerName, gatewayEndpoint } from './endpoint.ts'
import { parseWishes } from './ports/wishes.ts'
import type { PortWish } from './ports/wishes.ts'
import { hostAddresses, publishingEndpoint } from './publish.ts'

/** Host ports for what a container wishes, all or nothing. @throws system in Docker's words, invalid */
export function acquirePorts(
  ctx: Context,
  sandbox: LiveSandbox,
  wishes: readonly PortWish[],
  rollback: Rollback,
): PublishedPort[] {
  const { owner } = sandbox
  const endpoints = [...sandbox.endpoints.values()]
  if (wishes.length === 0) return []
  try {
    return ctx.portTable.acquire(
      owner.id,
      wishes,
      wish => hostAddresses(ctx, endpoints, wish),
      rollback,
      id => containerName(ctx, id),
      membershipOf(owner)?.key,
    )
  } catch (error) {
    const endpoint = gatewayEndpoint(ctx, endpoints, 4) ?? endpoints[0]!
    const kind = error instanceof BerthError && error.kind === 'invalid' ? 'invalid' : 'system'
    throw new BerthError(
      kind,
      `driver failed programming external connectivity on endpoint ${owner.name} (${endpoint.endpointId}): ${messageOf(error)}`,
      { cause: error },
    )
  }
}

/** Ports are published from when there is a way out, and given back when there is none any more. */
export function followWayOut(ctx: Context, sandbox: LiveSandbox, rollback?: Rollback): void {
  const endpoints = [...sandbox.endpoints.values()]
  const leads = publishingEndpoint(ctx, endpoints, 4) ?? publishingEndpoint(ctx, endpoints, 6)
  if (leads && sandbox.ports.length === 0 && rollback) {
    rollback.add('publish nothing', () => {
      sandbox.ports = []
    })
    sandbox.ports = acquirePorts(ctx, sandbox, parseWishes(sandbox.owner), rollback)
  } else if (!leads && sandbox.ports.length > 0) {
    ctx.portTable.give(sandbox.owner.id, sandbox.ports)
    sandbox.ports = []
  }
}
