import type { CgroupLayout } from '#kernel/cgroups/layout.ts'
import type { RuntimePaths } from './paths.ts'
import type { SeccompCache } from './seccomp-cache.ts'

/** What every verb of the runtime needs. */
export interface RuntimeContext {
  paths: RuntimePaths
  oci: OciProgram
  /** Absolute path of conmon. */
  monitor: string
  layout: CgroupLayout
  /** Of crun. */
  seccomp?: SeccompCache
  /** Runs synchronous work in the mount namespace that the OCI runtime is to work in. */
  within<T>(work: () => T): T
  /** Shows the OCI runtime what is kept apart from it (root file systems, pinned namespaces) until the result is called. */
  lend(paths: Iterable<string>): () => void
  /** Shows the OCI runtime mounts in such a way that what is mounted below them shows on the host, at these paths. */
  lendPeers(sources: readonly string[]): { paths: string[]; giveBack: () => void }
  /** Makes sure that the OCI runtime sees this path as the host does now. */
  reveal(path: string): void
}

export interface OciProgram {
  name: 'crun' | 'runc'
  path: string
  version: string
}
