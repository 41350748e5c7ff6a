import { decode, encode } from 'dns-packet'
import type { ExplainOptions } from './context.ts'
import { PROBE_TIMEOUT } from './context.ts'
import type { ContainerParty } from './parties.ts'

/** What a name means to a container, looked up as its C library does: /etc/hosts first, then the servers in order. */
export interface NameFacts {
  name: string
  by: 'hosts' | 'dns'
  addresses: string[]
  servers: string[]
  /** `NOERROR`, `NXDOMAIN`, …; '' when no server answered. */
  rcode: string
  /** The engine's own resolver is among the servers. */
  embedded: boolean
}

const EMBEDDED = '127.0.0.11'
const FILE_LIMIT = 1 << 16

export async function resolveIn(ctx: ExplainOptions, source: ContainerParty, name: string): Promise<NameFacts> {
  const root = `/proc/${source.pid}/root`
  const read = (path: string) => ctx.rooted.read(root, path, FILE_LIMIT).catch(() => '')
  const [hosts, resolv] = await Promise.all([read('/etc/hosts'), read('/etc/resolv.conf')])
  const config = resolverConfig(resolv)
  const embedded = config.servers.includes(EMBEDDED)
  const base = { name, servers: config.servers, embedded }
  const fromHosts = hostsAddresses(hosts, name)
  if (fromHosts.length > 0) return { ...base, by: 'hosts', addresses: fromHosts, rcode: 'NOERROR' }
  let rcode = ''
  for (const candidate of candidates(name, config)) {
    const answer = await askInTurn(ctx, source, config.servers, candidate)
    if (!answer) break
    rcode = answer.rcode
    if (answer.addresses.length > 0) return { ...base, by: 'dns', addresses: answer.addresses, rcode }
  }
  return { ...base, by: 'dns', addresses: [], rcode }
}

async function askInTurn(ctx: ExplainOptions, { sandbox }: ContainerParty, servers: string[], name: string) {
  for (const server of servers.slice(0, 3)) {
    const answers = await Promise.all(
      (['A', 'AAAA'] as const).map(async type => {
        const query = encode({
          type: 'query',
          id: 1 + Math.floor(name.length),
          flags: 0x100,
          questions: [{ type, name }],
        })
        try {
          const options = { timeoutMs: PROBE_TIMEOUT, ...(sandbox !== undefined && { sandbox }) }
          return decode(await ctx.dnsSockets.ask(server, query, options)) as ReturnType<typeof decode> & {
            rcode?: string
          }
        } catch {
          return undefined
        }
      }),
    )
    const first = answers.find(answer => answer !== undefined)
    if (!first || first.rcode === 'SERVFAIL' || first.rcode === 'REFUSED') continue
    const addresses = answers.flatMap(answer =>
      (answer?.answers ?? []).flatMap(record => (record.type === 'A' || record.type === 'AAAA' ? [record.data] : [])),
    )
    return { rcode: first.rcode ?? 'NOERROR', addresses }
  }
  return undefined
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
function candidates(name: string, { search, ndots }: { search: string[]; ndots: number }): string[] {
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
