import { notFound } from '#lib/errors.ts'
import type { EgressStatus } from '#model/egress.ts'
import type { Context, LiveSandbox } from '../context.ts'
import { readDrops } from './counters.ts'
import type { Seen } from './counters.ts'
import type { Limited } from './state.ts'

/** Destinations shown of one container. */
const LAST = 20

/** Running containers with a policy, or the one that is named, if it has one. @throws not-found when it does not run */
export async function egressStatus(ctx: Context, reference?: string): Promise<EgressStatus[]> {
  const only = reference === undefined ? undefined : find(ctx, reference)
  const wanted = [...ctx.live.values()].filter(
    sandbox => (!only || sandbox === only) && ctx.egress.limited.has(sandbox.owner.id),
  )
  if (wanted.length === 0) return []
  const { counters, seen } = await readDrops(ctx)
  return wanted.flatMap(({ owner }) => {
    const limited = ctx.egress.limited.get(owner.id)
    return limited ? [statusOf(ctx, owner.name, limited, counters, seen)] : []
  })
}

function find(ctx: Context, reference: string): LiveSandbox {
  const sandboxes = [...ctx.live.values()]
  const found =
    sandboxes.find(({ owner }) => owner.id === reference || owner.name === reference) ??
    sandboxes.find(({ owner }) => owner.id.startsWith(reference))
  if (!found) throw notFound(`no running container ${reference}`)
  return found
}

function statusOf(
  ctx: Context,
  name: string,
  limited: Limited,
  counters: ReadonlyMap<string, number>,
  seen: readonly Seen[],
): EgressStatus {
  const addresses = new Set(limited.sources.map(source => source.address))
  const policies = new Map(limited.sources.flatMap(source => source.policies.map(policy => [policy.of, policy])))
  let droppedPackets = 0
  for (const address of addresses) {
    droppedPackets += (counters.get(address) ?? 0) + (limited.droppedBefore.get(address) ?? 0)
  }
  return {
    containerId: limited.containerId,
    name,
    policies: [...policies.values()].map(({ of, text }) => ({ of, policy: text })),
    names: namesOf(ctx, limited),
    droppedPackets,
    dropped: seen
      .filter(one => addresses.has(one.source) && one.ago * 1000 <= ctx.clock.now() - limited.since + 1000)
      .sort((a, b) => a.ago - b.ago)
      .slice(0, LAST)
      .map(({ destination, protocol, port, packets, ago }) => ({
        destination,
        protocol,
        port,
        packets,
        secondsAgo: ago,
      })),
  }
}

/** Names that were asked for with their addresses, and those of the policies that nobody asked for yet. */
function namesOf(ctx: Context, { sources, learned }: Limited): EgressStatus['names'] {
  const now = ctx.clock.now()
  const names = new Map<string, EgressStatus['names'][number]>()
  for (const { policies } of sources) {
    for (const { entries } of policies) {
      for (const { kind, host, wildcard } of entries) {
        const name = wildcard ? `*.${host}` : host
        if (kind === 'name') names.set(name, { name, addresses: [] })
      }
    }
  }
  for (const [address, { names: asked, elements }] of learned) {
    if (elements.length === 0) continue
    for (const [name, until] of asked) {
      const known = names.get(name) ?? { name, addresses: [] }
      known.addresses.push({ address, seconds: Math.max(0, Math.round((until - now) / 1000)) })
      names.set(name, known)
    }
  }
  return [...names.values()]
}
