import type { Readable } from 'node:stream'

export interface BootstrapRequest {
  /** `busybox`, or `debian:<suite>` (`debian:bookworm`, `debian:bookworm-slim` is the same). */
  image: string
  /** Packages beyond the minimal set; not for busybox. */
  include?: string[]
  /** Files and directories of the host to put in, owned by root. */
  copy?: { hostPath: string; imagePath: string }[]
  /** Shell lines run as root inside the new root filesystem, after `copy`; not for busybox. */
  setup?: string[]
  signal?: AbortSignal
}

/** A root filesystem made from the distribution's own packages. */
export interface Bootstrapped {
  /**
   * Plain tar. Fails with `system` carrying the tool's last words when a package cannot be had; destroying it ends
   * the tool and removes what it left.
   */
  rootfs: Readable
  env: string[]
  cmd: string[]
  /** RFC 3339; the same for the same content where the content is reproducible. */
  created: string
  createdBy: string
}

/** Base images for machines that reach no registry. Package signatures are checked. */
export interface Bootstrap {
  /** @throws invalid for an image it does not know, not-found for a missing tool, naming its package */
  build(request: BootstrapRequest, onProgress: (line: string) => void): Promise<Bootstrapped>
}
