import { invalid } from '#lib/errors.ts'
import { ENDPOINT_MODE_KEY, ONE_OFF_LABEL, PROJECT_LABEL, SERVICE_LABEL } from '#model/compose-labels.ts'
import type { SandboxOwner } from '../service.ts'

const DRAIN = 'berth.drain'

/** Seconds that a replica's connections may take to end, when nothing else is said. */
const DEFAULT_DRAIN = 3

/** `auto`: a group gets its own address once it has a second replica, and keeps it. */
export type EndpointMode = 'vip' | 'dnsrr' | 'auto'

/** What the labels of a container say of its place among the replicas of a service. */
export interface Membership {
  /** `PROJECT/SERVICE`. */
  key: string
  service: string
  mode: EndpointMode
}

type Labelled = Pick<SandboxOwner, 'labels' | 'annotations'>

/** The service whose replica a container is: Compose's labels tell, whoever set them. One-off runs serve nobody. */
export function membershipOf({ labels, annotations }: Labelled): Membership | undefined {
  const project = labels[PROJECT_LABEL]
  const service = labels[SERVICE_LABEL]
  if (!project || !service || labels[ONE_OFF_LABEL]?.toLowerCase() === 'true') return undefined
  const mode = annotations[ENDPOINT_MODE_KEY] ?? labels[ENDPOINT_MODE_KEY]
  return { key: `${project}/${service}`, service, mode: mode === 'vip' || mode === 'dnsrr' ? mode : 'auto' }
}

/** The Compose project of a container. */
export function projectOf({ labels }: Pick<SandboxOwner, 'labels'>): string | undefined {
  return labels[PROJECT_LABEL] || undefined
}

/** Milliseconds that connections may take to end before the container is told to. */
export function drainLimit({ labels, annotations }: Labelled): number {
  const seconds = Number(annotations[DRAIN] ?? labels[DRAIN] ?? DEFAULT_DRAIN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : DEFAULT_DRAIN * 1000
}

/** @throws invalid for a setting that means nothing */
export function checkBalancing({ labels, annotations }: Labelled): void {
  const mode = annotations[ENDPOINT_MODE_KEY] ?? labels[ENDPOINT_MODE_KEY]
  if (mode !== undefined && mode !== 'vip' && mode !== 'dnsrr') {
    throw invalid(`${ENDPOINT_MODE_KEY} is ${JSON.stringify(mode)}: it must be vip or dnsrr`)
  }
  const drain = annotations[DRAIN] ?? labels[DRAIN]
  if (drain !== undefined && !/^\d{1,6}(\.\d{1,3})?$/.test(drain)) {
    throw invalid(`${DRAIN} is ${JSON.stringify(drain)}: it must be a number of seconds`)
  }
}

/** Names that every replica has on the network: those are the group's. A replica's own name and id never are. */
export function sharedNames(replicas: readonly { aliases: readonly string[]; own: readonly string[] }[]): string[] {
  const [first, ...rest] = replicas
  if (!first) return []
  const own = new Set(replicas.flatMap(replica => replica.own.map(name => name.toLowerCase())))
  const others = rest.map(replica => new Set(replica.aliases.map(name => name.toLowerCase())))
  return [...new Set(first.aliases)].filter(name => {
    const key = name.toLowerCase()
    return !own.has(key) && others.every(aliases => aliases.has(key))
  })
}
