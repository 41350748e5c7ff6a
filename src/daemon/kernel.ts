import { join } from 'node:path'
import { HostBlock } from '#kernel/block/index.ts'
import { KernelCgroups } from '#kernel/cgroups/cgroups.ts'
import { HostContent } from '#kernel/content/index.ts'
import { HostFileServers } from '#kernel/file-servers/index.ts'
import { HostFiles, GuardedRootedFiles, Reach } from '#kernel/files/index.ts'
import { KernelCsi } from '#kernel/csi/csi.ts'
import { KernelHost } from '#kernel/host/host.ts'
import { KernelLogs } from '#kernel/logs/logs.ts'
import { HostMounts, PinRoot } from '#kernel/mounts/index.ts'
import { kernelNetworking } from '#kernel/networking.ts'
import { KernelProcesses } from '#kernel/processes/processes.ts'
import { HttpRegistry } from '#kernel/registry/index.ts'
import { HostSnapshots } from '#kernel/snapshots/index.ts'
import { KernelUsage } from '#kernel/usage/index.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Store } from '#ports/store.ts'
import { VERSION } from './system.ts'

/** Every port on the real host, but the runtime. */
export function openKernel(options: { dataRoot: string; execRoot: string; clock: Clock; log: Logger; store: Store }) {
  const { dataRoot, execRoot, clock, log, store } = options
  const mounts = new HostMounts()
  const reach = new Reach()
  const files = new HostFiles(reach)
  return {
    mounts,
    block: new HostBlock(mounts),
    servers: new HostFileServers(),
    pinRoot: new PinRoot(execRoot),
    files,
    usage: new KernelUsage(),
    rooted: new GuardedRootedFiles(reach, [join(execRoot, 'rootfs'), join(dataRoot, 'snapshots')]),
    content: new HostContent(join(dataRoot, 'content')),
    snapshots: new HostSnapshots({
      dataRoot,
      execRoot,
      store,
      mounts,
      files,
    }),
    networking: kernelNetworking({ execRoot, log }),
    registry: new HttpRegistry({ clock, userAgent: `berth/${VERSION}`, env: process.env }),
    cgroups: new KernelCgroups(() => clock.nowNano()),
    processes: new KernelProcesses(),
    host: new KernelHost(),
    logs: new KernelLogs(),
    csi: new KernelCsi({
      flat: [join(execRoot, 'csi'), '/run/berth/csi'],
      kubelet: ['/var/lib/kubelet/plugins'],
    }),
  }
}
