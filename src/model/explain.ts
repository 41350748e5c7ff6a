/**
 * Why one party can or cannot reach another, as `network explain` and `compose explain` say it. The same words for a
 * running engine and for a Compose file alone.
 */

/**
 * `reachable`: a connection works (live: it was tried; from a file: nothing forbids it). `blocked`: it does not, and the
 * cause is known. `unknown`: it does not and nothing that was looked at says why.
 */
export type Verdict = 'reachable' | 'blocked' | 'unknown'

/** What was looked at, in the order in which a packet meets it. */
export type HopKind =
  | 'source'
  | 'target'
  | 'network'
  | 'name'
  | 'address'
  | 'route'
  | 'link'
  | 'neighbour'
  | 'filter'
  | 'nat'
  | 'egress'
  | 'conntrack'
  | 'mtu'
  | 'port'
  | 'listener'
  | 'connection'

export interface Hop {
  kind: HopKind
  /** `ok`: does not stand in the way; `fail`: does; `warn`: may, at times; `skip`: could not be looked at, `detail` says why. */
  status: 'ok' | 'fail' | 'warn' | 'skip'
  /** What it is: `container web`, `route in web to 172.18.0.3`, `chain forward of table inet filter`. */
  subject: string
  /** One sentence of facts, lower case, no full stop. */
  detail: string
}

/** Each kind of cause, once: tests and scripts go by the code, people by the sentence. */
export type CauseCode =
  | 'source-not-running'
  | 'source-paused'
  | 'target-not-found'
  | 'target-not-running'
  | 'target-paused'
  | 'target-crashed'
  | 'target-restarting'
  | 'target-unhealthy'
  | 'no-shared-network'
  | 'internal-network'
  | 'no-network'
  | 'icc-disabled'
  | 'name-unknown'
  | 'dns-server-dead'
  | 'dns-not-embedded'
  | 'dns-wrong-answer'
  | 'no-address'
  | 'address-clash'
  | 'no-route'
  | 'route-elsewhere'
  | 'subnet-overlap'
  | 'link-down'
  | 'link-missing'
  | 'bridge-missing'
  | 'neighbour-failed'
  | 'filter-drop'
  | 'filter-missing'
  | 'egress-denied'
  | 'forwarding-off'
  | 'rp-filter'
  | 'conntrack-full'
  | 'mtu-too-big'
  | 'not-listening'
  | 'listening-on-loopback'
  | 'listening-elsewhere'
  | 'listening-other-protocol'
  | 'accept-queue-full'
  | 'port-not-published'
  | 'port-taken'
  | 'published-on-loopback'
  | 'host-unreachable'
  | 'unknown'

export interface Cause {
  code: CauseCode
  /** One sentence, lower case, no full stop, naming the object. */
  summary: string
  /** A command that mends it, ready to paste; '' when there is none. */
  fix: string
}

export interface Explanation {
  /** As asked: `web`, `host`, `internet`. */
  from: string
  to: string
  /** 0 when none was asked for. */
  port: number
  protocol: 'tcp' | 'udp'
  verdict: Verdict
  /** Of the first failing hop that explains the verdict; absent when reachable. */
  cause?: Cause
  /** Further things that would stand in the way once the first is mended. */
  others: Cause[]
  hops: Hop[]
}
