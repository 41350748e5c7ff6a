import { invalid } from '#lib/errors.ts'
import type { ContainerRecord } from '#model/container.ts'
import { isAlive } from '#model/container-state.ts'
import { EGRESS_KEY, parseEgress } from '#model/egress.ts'
import type { Context } from './context.ts'
import { refreshEtcFiles } from './etc-files.ts'
import { ownerOf } from './owner.ts'
import { parseNetworkMode } from './spec/modes.ts'

/** @param policy '' for none */
export function changedAnnotations(
  annotations: Readonly<Record<string, string>> | null | undefined,
  policy: string,
): Record<string, string> {
  const { [EGRESS_KEY]: _before, ...others } = annotations ?? {}
  return policy === '' ? others : { ...others, [EGRESS_KEY]: policy }
}

/** A policy needs a network of the container's own. @throws invalid */
export function checkEgress(hostConfig: ContainerRecord['hostConfig']): void {
  const policy = hostConfig.Annotations?.[EGRESS_KEY]
  if (policy === undefined) return
  parseEgress(policy)
  const { kind } = parseNetworkMode(hostConfig.NetworkMode)
  if (kind === 'container' || kind === 'host') {
    throw invalid(
      `an egress policy needs a network of the container's own: with network mode "${hostConfig.NetworkMode}" it cannot hold`,
    )
  }
}

/** Brings a running container's policy to what its record is about to say. */
export async function changeEgress(ctx: Context, record: ContainerRecord): Promise<void> {
  checkEgress(record.hostConfig)
  if (!isAlive(record.state)) return
  const files = await ctx.networks.files(record.id)
  await ctx.networks.changeEgress(ownerOf(record))
  await refreshEtcFiles(ctx, record.id, files)
}
