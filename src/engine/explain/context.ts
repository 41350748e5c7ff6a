import type { ContainersService } from '#engine/containers/index.ts'
import type { NetworksService } from '#engine/networks/index.ts'
import type { RootedFiles } from '#ports/files.ts'
import type { Inspector } from '#ports/inspector.ts'
import type { Links } from '#ports/links.ts'
import type { DnsSockets } from '#ports/resolver.ts'

export interface ExplainOptions {
  containers: ContainersService
  networks: NetworksService
  links: Links
  inspector: Inspector
  dnsSockets: DnsSockets
  rooted: RootedFiles
  /** This daemon's nftables table. */
  table: string
}

/** What a question is about, once FROM and TO are understood. */
export interface Question {
  from: string
  to: string
  port: number
  protocol: 'tcp' | 'udp'
}

/** Milliseconds that a probe waits: a fault must not make the whole answer slow. */
export const PROBE_TIMEOUT = 1000
