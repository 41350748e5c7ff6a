import { join } from 'node:path'
import type { ProcessRef } from '#ports/runtime.ts'

/** Where things lie below the exec-root. */
export class RuntimePaths {
  readonly execRoot: string

  constructor(execRoot: string) {
    this.execRoot = execRoot
  }

  /** One directory a container: `config.json`, the monitor's socket, fifos and files, and `execs/`. */
  get bundles(): string {
    return join(this.execRoot, 'containers')
  }

  bundle(id: string): string {
    return join(this.bundles, id)
  }

  execs(containerId: string): string {
    return join(this.bundle(containerId), 'execs')
  }

  /** The directory of a monitored process: the bundle, or that of the exec. */
  process(ref: ProcessRef): string {
    return ref.execId === undefined ? this.bundle(ref.containerId) : join(this.execs(ref.containerId), ref.execId)
  }

  /** The monitors write an exit code here as a file named for the container. */
  get exits(): string {
    return join(this.execRoot, 'exits')
  }

  /** The OCI runtime's own state, a directory a container. */
  get runtimeRoot(): string {
    return join(this.execRoot, 'runtime')
  }

  runtimeState(id: string): string {
    return join(this.runtimeRoot, id)
  }
}
