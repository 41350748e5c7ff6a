import path from 'node:path'
import type { Logger } from '#lib/log.ts'
import { TcpdumpCapture } from '#kernel/capture/capture.ts'
import { KernelDnsSockets } from '#kernel/dns-sockets/dns-sockets.ts'
import { KernelHostPorts } from '#kernel/dns-sockets/host-ports.ts'
import { KernelFirewall } from '#kernel/firewall/firewall.ts'
import { KernelLinks } from '#kernel/links/links.ts'
import { KernelInspector } from '#kernel/inspector/inspector.ts'
import { Lane } from '#kernel/netlink/lane.ts'
import { Rtnl } from '#kernel/netlink/rtnl.ts'
import { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { KernelPlugins } from '#kernel/plugins/plugins.ts'
import { NamespacePool } from '#kernel/sandboxes/pool.ts'
import { KernelSandboxes } from '#kernel/sandboxes/sandboxes.ts'
import { KernelSockets } from '#kernel/sockets/sockets.ts'

export interface KernelNetworking {
  links: KernelLinks
  sandboxes: KernelSandboxes
  firewall: KernelFirewall
  dnsSockets: KernelDnsSockets
  hostPorts: KernelHostPorts
  sockets: KernelSockets
  inspector: KernelInspector
  capture: TcpdumpCapture
  namespaces: NetworkNamespaces
  plugins: KernelPlugins
  /** Lets go of sockets and ready namespaces; what containers use stays. */
  close(): Promise<void>
}

/**
 * The host's networking, its parts wired to each other.
 *
 * @param options.execRoot sandboxes are pinned in `<execRoot>/netns`
 * @param options.poolSize namespaces to keep ready
 */
export function kernelNetworking(options: { execRoot: string; log: Logger; poolSize?: number }): KernelNetworking {
  const { execRoot, log, poolSize = 4 } = options
  const lane = new Lane()
  const namespaces = new NetworkNamespaces()
  const rtnl = new Rtnl(namespaces, lane)
  const pool = new NamespacePool(rtnl, poolSize)
  const links = new KernelLinks(rtnl, error => log.warn('cannot delete a link', { error }))
  const directory = path.join(execRoot, 'netns')
  const sandboxes = new KernelSandboxes(directory, pool, error => log.warn('cannot remove a sandbox', { error }))
  const firewall = new KernelFirewall(namespaces)
  const dnsSockets = new KernelDnsSockets(namespaces, firewall)
  const hostPorts = new KernelHostPorts()
  const plugins = new KernelPlugins(path.join(execRoot, 'plugins'))
  const sockets = new KernelSockets(namespaces)
  const inspector = new KernelInspector(namespaces, rtnl, firewall, sockets)
  const capture = new TcpdumpCapture(namespaces, path.join(execRoot, 'captures'))
  const close = async () => {
    await Promise.all([links.settled(), sandboxes.settled()])
    dnsSockets.closeAll()
    pool.close()
    // What is in flight would go on with a descriptor number that is somebody else's by then.
    await lane.run(async () => {}, 'later')
    links.close()
    firewall.close()
    rtnl.close()
    namespaces.close()
  }
  return { links, sandboxes, firewall, dnsSockets, hostPorts, sockets, inspector, capture, namespaces, plugins, close }
}
