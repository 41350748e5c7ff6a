import { RCODE, TYPE, readQuery } from '#codec/dns/query.ts'
import { malformedReply, reply } from '#codec/dns/reply.ts'
import { addressOfReverse } from '#codec/dns/reverse.ts'
import type { Query } from '#codec/dns/query.ts'
import type { DnsHandler } from '#ports/resolver.ts'
import type { Zone, ZoneAnswer } from './zone.ts'

/** What one sandbox may see. */
export interface DnsView {
  /** Networks of the sandbox in order of its endpoints; looked at on every query, since they change while it runs. */
  zones: () => readonly Zone[]
  /** Compose project of the sandbox; its own services go before those of others that share a network. */
  project?: string | undefined
  /** Private names by alias, lower case: `db` to the container `database`. */
  links: ReadonlyMap<string, string>
  /** Whether an address lies in a subnet of the sandbox's networks. */
  owns: (address: string) => boolean
  /** False on internal networks only: nothing is asked outside. */
  leadsOutside: () => boolean
  forward: Forward
  /** Sets up the way to the groups of replicas whose addresses an answer has; undefined when it is there already. */
  prepare?: (groups: readonly string[]) => Promise<void> | undefined
  random: () => number
}

export type Forward = (message: Buffer, query: Query, transport: 'udp' | 'tcp') => Promise<Buffer>

const IN = 1
const ANY_CLASS = 255
const TCP_LIMIT = 65_535

/** The resolver at 127.0.0.11 of one sandbox. Names of its networks are answered at once, whatever upstream does. */
export function answerer(view: DnsView): DnsHandler {
  return (message, from) => {
    const query = readQuery(message)
    if (query === undefined) return undefined
    if (query === 'malformed') return malformedReply(message, RCODE.formErr)
    const limit = from.transport === 'tcp' ? TCP_LIMIT : query.udpSize
    if (query.ednsVersion > 0) return reply(message, query, { rcode: RCODE.badVers, limit })
    if (query.opcode !== 0) return reply(message, query, { rcode: RCODE.notImp, limit })
    if (query.class === IN || query.class === ANY_CLASS) {
      const local = query.type === TYPE.PTR ? reverseAnswer(view, query.name) : nameAnswer(view, query)
      if (local) {
        const rotate = local.answers.length > 1 ? Math.floor(view.random() * local.answers.length) : 0
        const answer = reply(message, query, { rcode: local.rcode, answers: local.answers, rotate, limit })
        const ready = local.groups && local.groups.length > 0 ? view.prepare?.(local.groups) : undefined
        return ready ? ready.then(() => answer) : answer
      }
    }
    if (view.leadsOutside()) return view.forward(message, query, from.transport)
    // Internal networks only. A bare name can only have meant a container; of others we cannot know.
    const rcode = query.name.includes('.') ? RCODE.servFail : RCODE.nxDomain
    return reply(message, query, { rcode, limit, authoritative: false })
  }
}

interface Local {
  rcode: number
  answers: readonly Buffer[]
  groups?: readonly string[]
}

function nameAnswer(view: DnsView, query: Query): Local | undefined {
  const found = lookup(view, query.name)
  if (!found) return undefined
  // The name exists: a type that it lacks is an empty NOERROR. NXDOMAIN would make resolvers give up on the name.
  const { v4, v6, groups } = found
  const answers =
    query.type === TYPE.A ? v4 : query.type === TYPE.AAAA ? v6 : query.type === TYPE.ANY ? [...v4, ...v6] : []
  return { rcode: RCODE.ok, answers, groups }
}

function lookup(view: DnsView, name: string): ZoneAnswer | undefined {
  const zones = view.zones()
  // A link is this container's own wish and goes before a container that happens to have that name.
  const linked = view.links.get(name)
  for (const wanted of linked === undefined ? [name] : [linked, name]) {
    // A service of the asker's own project goes before one of the same name on a network that comes first.
    let first: ZoneAnswer | undefined
    for (const zone of zones) {
      const found = zone.lookup(wanted, view.project)
      if (found && (view.project === undefined || found.project === view.project)) return found
      first ??= found
    }
    if (first) return first
  }
  for (const zone of zones) {
    const suffix = zone.networkName.length + 1
    if (name.length > suffix && name.endsWith(`.${zone.networkName.toLowerCase()}`)) {
      const found = zone.lookup(name.slice(0, -suffix), view.project)
      if (found) return found
    }
  }
  return undefined
}

function reverseAnswer(view: DnsView, name: string): Local | undefined {
  const address = addressOfReverse(name)
  if (address === undefined) return undefined
  for (const zone of view.zones()) {
    const record = zone.reverse(address)
    if (record) return { rcode: RCODE.ok, answers: [record] }
  }
  // Nobody outside knows our subnets: do not ask, do not wait.
  return view.owns(address) ? { rcode: RCODE.nxDomain, answers: [] } : undefined
}
