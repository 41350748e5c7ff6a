import { decode, encode, type DecodedPacket } from 'dns-packet'
import type { ExplainOptions } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'
import type { ContainerParty } from './parties.ts'

/** What a name means to a container, looked up as its C library does: /etc/hosts first, then the servers in order. */
export interface NameFacts {
  name: string
  by: 'hosts' | 'dns'
  addresses: string[]
  servers: string[]
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, …; '' when no server answered. */
  rcode: string
  /** The engine's own resolver is among the servers. */
  embedded: boolean
  /** The engine's resolver did not answer this, and answers what it knows itself: its upstream servers are dead. */
  upstreamDead: boolean
}

const EMBEDDED = '127.0.0.11'
const FILE_LIMIT = 1 << 16

export async function resolveIn(ctx: ExplainOptions, source: ContainerParty, name: string): Promise<NameFacts> {
  const root = `/proc/${source.pid}/root`
  const read = (path: string) => ctx.rooted.read(root, path, FILE_LIMIT).catch(() => '')
  const [hosts, resolv] = await Promise.all([read('/etc/hosts'), read('/etc/resolv.conf')])
  const config = resolverConfig(resolv)
  const embedded = config.servers.includes(EMBEDDED)
  const base = { name, servers: config.servers, embedded, upstreamDead: false }
  const fromHosts = hostsAddresses(hosts, name)
  if (fromHosts.length > 0) return { ...base, by: 'hosts', addresses: fromHosts, rcode: 'NOERROR' }
  const deadline = performance.now() + PROBE_TIMEOUT
  let rcode = ''
  for (const candidate of candidates(name, config)) {
    const answer = await askInTurn(ctx, source, config.servers, candidate, deadline)
    if (answer.rcode === '') break
    // What the last one says: the name as it is comes last, unless it has dots.
    rcode = answer.rcode
    if (answer.addresses.length > 0) return { ...base, by: 'dns', addresses: answer.addresses, rcode }
  }
  const upstreamDead = rcode === '' && embedded && (await knowsItself(ctx, source))
  return { ...base, by: 'dns', addresses: [], rcode, upstreamDead }
}

/** Whether the engine's resolver answers what it needs nobody for. */
async function knowsItself(ctx: ExplainOptions, source: ContainerParty): Promise<boolean> {
  const { rcode } = await ask(ctx, source, EMBEDDED, source.name, PROBE_TIMEOUT / 4)
  return rcode !== ''
}

interface Answer {
  rcode: string
  addresses: string[]
}

const SILENCE: Answer = { rcode: '', addresses: [] }

/** @param deadline in `performance.now()` */
async function askInTurn(
  ctx: ExplainOptions,
  source: ContainerParty,
  servers: readonly string[],
  name: string,
  deadline: number,
): Promise<Answer> {
  let last = SILENCE
  for (const server of servers.slice(0, 3)) {
    const left = deadline - performance.now()
    if (left < 20) break
    const answer = await ask(ctx, source, server, name, left)
    if (answer.rcode === '') continue
    last = answer
    // The C library asks the next one then.
    if (answer.rcode !== 'SERVFAIL' && answer.rcode !== 'REFUSED') break
  }
  return last
}

async function ask(
  ctx: ExplainOptions,
  { sandbox }: ContainerParty,
  server: string,
  name: string,
  timeoutMs: number,
): Promise<Answer> {
  const options = { timeoutMs: Math.ceil(timeoutMs), ...(sandbox !== undefined && { sandbox }) }
  const both = (['A', 'AAAA'] as const).map(async type => {
    const query = encode({ type: 'query', id: 0x6265, flags: 0x100, questions: [{ type, name }] })
    try {
      return decode(await ctx.dnsSockets.ask(server, query, options)) as DecodedPacket & { rcode?: string }
    } catch {
      return undefined
    }
  })
  const answers = (await Promise.all(both)).filter(answer => answer !== undefined)
  if (answers.length === 0) return SILENCE
  const addresses = answers.flatMap(answer =>
    (answer.answers ?? []).flatMap(record => (record.type === 'A' || record.type === 'AAAA' ? [record.data] : [])),
  )
  return { rcode: answers[0]!.rcode ?? 'NOERROR', addresses }
}

/** resolv.conf(5). */
export function resolverConfig(text: string): { servers: string[]; search: string[]; ndots: number } {
  const servers: string[] = []
  let search: string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/)
    if (key === 'nameserver' && values[0]) servers.push(values[0])
    if (key === 'search' || key === 'domain') search = values
    if (key === 'options') {
      for (const value of values) if (value.startsWith('ndots:')) ndots = Number(value.slice(6)) || 0
    }
  }
  return { servers, search, ndots }
}

/** The names that a look-up asks for, in order. */
export function candidates(name: string, { search, ndots }: { search: string[]; ndots: number }): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  const searched = search.filter(domain => domain !== '.').map(domain => `${name}.${domain}`)
  return name.split('.').length - 1 >= ndots ? [name, ...searched] : [...searched, name]
}

/** hosts(5). */
export function hostsAddresses(text: string, name: string): string[] {
  const wanted = name.toLowerCase()
  return text.split('\n').flatMap(line => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    return names.some(one => one.toLowerCase() === wanted) ? [address] : []
  })
}
