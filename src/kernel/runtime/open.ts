import { join } from 'node:path'
import { readLayout, type CgroupLayout } from '#kernel/cgroups/layout.ts'
import type { OciProgram, RuntimeContext } from './context.ts'
import { MountNamespace } from './mount-namespace.ts'
import { RuntimePaths } from './paths.ts'
import { findMonitor, findOciProgram } from './probe.ts'
import { OciRuntime } from './runtime.ts'

export interface RuntimeOptions {
  execRoot: string
  dataRoot: string
  layout?: CgroupLayout
  oci?: OciProgram
}

/**
 * The runtime of this host. Call it on the main thread, after `prepareRoots`.
 *
 * @returns also `dispose`, for a clean shutdown when no container is left: lets go of the runtime's mount namespace
 * @throws unavailable when crun or runc, or conmon, is missing
 */
export function openRuntime(options: RuntimeOptions): { runtime: OciRuntime; dispose: () => void } {
  const layout = options.layout ?? readLayout()
  const base = {
    paths: new RuntimePaths(options.execRoot),
    oci: options.oci ?? findOciProgram(),
    monitor: findMonitor(),
    layout,
  }
  const roots = [options.execRoot, options.dataRoot]
  // runc goes by /sys/fs/cgroup alone and works on hybrid hosts as it is.
  const hide = base.oci.name === 'runc' ? undefined : layout.unified
  const apart = [join(options.execRoot, 'rootfs'), join(options.execRoot, 'netns'), join(options.execRoot, 'mounts')]
  const namespace = new MountNamespace(options.execRoot, hide, base.oci.path, roots, apart)
  namespace.prepare()
  const ctx: RuntimeContext = {
    ...base,
    within: work => namespace.within(work),
    lend: paths => namespace.lend(paths),
    lendPeers: sources => namespace.lendPeers(sources),
    reveal(path) {
      if (roots.some(root => path === root || path.startsWith(`${root}/`)) || namespace.sees(path)) return
      namespace.renew()
    },
  }
  return { runtime: new OciRuntime(ctx), dispose: () => namespace.dispose() }
}
