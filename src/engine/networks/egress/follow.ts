import { answeredAddresses } from '#codec/dns/addresses.ts'
import type { AnsweredAddress } from '#codec/dns/addresses.ts'
import { egressNameMatches } from '#model/egress.ts'
import type { Context } from '../context.ts'
import type { Forward } from '../dns/answer.ts'
import { learnedElements } from './elements.ts'
import { remember } from './remember.ts'
import type { Learned, Limited } from './state.ts'

/** Milliseconds that an address is allowed past its TTL, which counts as a minute at least: programs keep answers longer. */
const GRACE = 60_000
const LEAST_TTL = 60
/** Addresses of one sandbox; who lets `*.example.com` through must not be filled up by it. */
const MOST = 1024
/** Milliseconds by which a new end must be later to be written down. */
const WORTH_STORING = 30_000

/** Answers of upstream open the way to what they name before they are given out. */
export function followed(ctx: Context, containerId: string, forward: Forward): Forward {
  return async (message, query, transport) => {
    const answer = await forward(message, query, transport)
    const limited = ctx.egress.limited.get(containerId)
    if (limited && isAllowedName(limited, query.name)) await learn(ctx, limited, query.name, answeredAddresses(answer))
    return answer
  }
}

function isAllowedName(limited: Limited, name: string): boolean {
  return limited.sources.some(({ policies }) =>
    policies.some(({ entries }) => entries.some(entry => egressNameMatches(entry, name))),
  )
}

async function learn(ctx: Context, limited: Limited, name: string, answers: readonly AnsweredAddress[]): Promise<void> {
  const now = ctx.clock.now()
  let store = false
  const waits = answers.map(({ address, ttl }) => {
    const until = now + Math.max(ttl, LEAST_TTL) * 1000 + GRACE
    const known = limited.learned.get(address)
    const before = known?.names.get(name)
    if (before === undefined || until > before + WORTH_STORING) store = true
    if (!known || before === undefined) return open(ctx, limited, address, name, until)
    if (until > before) known.names.set(name, until)
    return known.pending
  })
  if (store) remember(ctx, limited)
  await Promise.all(waits)
}

function open(ctx: Context, limited: Limited, address: string, name: string, until: number): Promise<void> | undefined {
  const known: Learned = limited.learned.get(address) ?? { names: new Map(), elements: [], pending: undefined }
  known.names.set(name, until)
  const before = known.elements
  const after = learnedElements(limited.sources, address, known.names.keys())
  known.elements = after
  if (after.length === 0 && before.length === 0) return undefined
  limited.learned.delete(address)
  limited.learned.set(address, known)
  const evicted = limited.learned.size > MOST ? limited.learned.keys().next().value! : undefined
  const gone = evicted === undefined ? [] : limited.learned.get(evicted)!.elements
  if (evicted !== undefined) limited.learned.delete(evicted)
  const pending = ctx.filter.change([...gone, ...before], after).then(
    () => {
      if (known.pending === pending) known.pending = undefined
    },
    (error: unknown) => {
      // The answer goes out all the same; asked again, it is tried again.
      ctx.log.warn('answered address not let through', {
        container: limited.containerId,
        address,
        error: String(error),
      })
      if (limited.learned.get(address) === known) limited.learned.delete(address)
    },
  )
  known.pending = pending
  return pending
}

/** Takes away what no answer of late stands behind. */
export async function expire(ctx: Context): Promise<void> {
  const now = ctx.clock.now()
  for (const limited of ctx.egress.limited.values()) {
    let changed = false
    for (const [address, known] of limited.learned) {
      const over = [...known.names].filter(([, until]) => until <= now)
      if (over.length === 0) continue
      changed = true
      for (const [name] of over) known.names.delete(name)
      const before = known.elements
      known.elements = known.names.size === 0 ? [] : learnedElements(limited.sources, address, known.names.keys())
      if (known.elements.length === 0) limited.learned.delete(address)
      await ctx.filter.change(before, known.elements)
    }
    if (changed && ctx.egress.limited.get(limited.containerId) === limited) remember(ctx, limited)
  }
}
