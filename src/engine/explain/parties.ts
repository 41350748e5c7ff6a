import { invalid, isKind, notFound } from '#lib/errors.ts'
import { PROJECT_LABEL, SERVICE_LABEL } from '#model/compose-labels.ts'
import type { ContainerRecord, EndpointRecord, PublishedPort } from '#model/container.ts'
import { isAlive, statusOf, type ContainerStatus } from '#model/container-state.ts'
import type { NetworkRecord } from '#model/network.ts'
import type { ExplainOptions } from './context.ts'

/** A container as far as its networking goes. */
export interface ContainerParty {
  kind: 'container'
  id: string
  name: string
  record: ContainerRecord
  status: ContainerStatus
  /** Of its first process; 0 when it does not run. */
  pid: number
  /** Network namespace; '' when it does not run, undefined for the host's. */
  sandbox: string | undefined
  attachments: Attachment[]
  published: PublishedPort[]
  /** Another container whose network it shares. */
  sharesWith?: string
}

export interface Attachment {
  endpoint: EndpointRecord
  network: NetworkRecord
}

export type Party =
  | ContainerParty
  | { kind: 'service'; name: string; replicas: ContainerParty[] }
  | { kind: 'host' }
  | { kind: 'internet' }
  | { kind: 'address'; address: string }
  | { kind: 'name'; name: string }

/** Who is meant by a word of the command line. @throws invalid when several services have the name */
export async function partyOf(ctx: ExplainOptions, text: string): Promise<Party> {
  if (text === 'host') return { kind: 'host' }
  if (text === 'internet') return { kind: 'internet' }
  if (/^[\d.]+$/.test(text) || text.includes(':')) return { kind: 'address', address: text }
  try {
    return containerParty(ctx, ctx.containers.get(text))
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error
  }
  return (await serviceParty(ctx, text)) ?? { kind: 'name', name: text }
}

async function serviceParty(ctx: ExplainOptions, text: string): Promise<Party | undefined> {
  const all = await ctx.containers.list(new Map(), { all: true, limit: 0, size: false })
  const replicas = all
    .map(view => view.record)
    .filter(({ config: { Labels = {} } }) => {
      const [project, service] = [Labels?.[PROJECT_LABEL], Labels?.[SERVICE_LABEL]]
      return service === text || `${project}/${service}` === text || `${project}_${service}` === text
    })
  if (replicas.length === 0) return undefined
  const projects = [...new Set(replicas.map(record => record.config.Labels?.[PROJECT_LABEL] ?? ''))]
  if (projects.length > 1) {
    throw invalid(`service ${text} is in several projects: say ${projects.map(one => `${one}/${text}`).join(' or ')}`)
  }
  return { kind: 'service', name: text, replicas: replicas.map(record => containerParty(ctx, record)) }
}

/** @throws not-found for a container that shares the network of one that is gone */
export function containerParty(ctx: ExplainOptions, record: ContainerRecord): ContainerParty {
  const mode = record.hostConfig.NetworkMode
  const state = record.state
  const base = {
    kind: 'container' as const,
    id: record.id,
    name: record.name,
    record,
    status: statusOf(state),
    pid: isAlive(state) ? state.run.pid : 0,
  }
  if (mode.startsWith('container:')) {
    const owner = containerParty(ctx, ctx.containers.get(mode.slice('container:'.length)))
    return { ...base, sandbox: owner.sandbox, attachments: owner.attachments, published: [], sharesWith: owner.name }
  }
  return {
    ...base,
    sandbox: mode === 'host' ? undefined : base.pid > 0 ? record.sandboxPath : '',
    attachments: Object.values(record.endpoints).flatMap(endpoint => {
      try {
        return [{ endpoint, network: ctx.networks.get(endpoint.networkId) }]
      } catch {
        return []
      }
    }),
    published: record.publishedPorts,
  }
}

/** One container that stands for a party that must be one. @throws not-found, invalid */
export function sourceOf(party: Party, text: string): ContainerParty | { kind: 'host' } | { kind: 'internet' } {
  if (party.kind === 'container' || party.kind === 'host' || party.kind === 'internet') return party
  if (party.kind === 'service') {
    return party.replicas.find(replica => replica.status === 'running') ?? party.replicas[0]!
  }
  throw notFound(`no such container: ${text}: name a container, a Compose service, host or internet`)
}

/** Whose port of the host it is, of the containers that run. */
export async function publisherOf(
  ctx: ExplainOptions,
  port: number,
  protocol: 'tcp' | 'udp',
): Promise<{ party: ContainerParty; containerPort: number } | undefined> {
  const all = await ctx.containers.list(new Map(), { all: false, limit: 0, size: false })
  for (const { record } of all) {
    const found = record.publishedPorts.find(one => one.hostPort === port && one.protocol === protocol)
    if (found) return { party: containerParty(ctx, record), containerPort: found.containerPort }
  }
  return undefined
}
