import fs from 'node:fs'
import { decodeLink, getLink } from '#codec/netlink/link.ts'
import { decodeRouteAnswer, getRoute } from '#codec/netlink/route-answer.ts'
import type { Inspector, Listener, ProbeResult, RouteAnswer } from '#ports/inspector.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { KernelFirewall } from '#kernel/firewall/firewall.ts'
import { sysctlPath } from '#kernel/links/sysctl.ts'
import { indexOf, type Rtnl } from '#kernel/netlink/rtnl.ts'
import type { NetlinkSocket } from '#kernel/netlink/socket.ts'
import type { KernelSockets } from '#kernel/sockets/sockets.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { whoHas } from './arp.ts'
import { connectProbe, echoProbe } from './probe.ts'

/** The host's networking as it is; answers are of this moment. */
export class KernelInspector implements Inspector {
  readonly #namespaces: NetworkNamespaces
  readonly #rtnl: Rtnl
  readonly #firewall: KernelFirewall
  readonly #sockets: KernelSockets

  constructor(namespaces: NetworkNamespaces, rtnl: Rtnl, firewall: KernelFirewall, sockets: KernelSockets) {
    this.#namespaces = namespaces
    this.#rtnl = rtnl
    this.#firewall = firewall
    this.#sockets = sockets
  }

  listeners(sandbox?: string): Promise<Listener[]> {
    return this.#sockets.listeners(sandbox)
  }

  ruleset(sandbox?: string): Promise<unknown> {
    return this.#firewall.listRuleset(sandbox)
  }

  legacyTables(sandbox?: string): string[] {
    const read = (file: string) => this.#read(`/proc/thread-self/net/${file}`, sandbox) ?? ''
    return ['ip_tables_names', 'ip6_tables_names'].flatMap(file =>
      read(file)
        .split('\n')
        .filter(name => name !== '')
        .map(name => `${file.startsWith('ip6') ? 'ip6' : 'ip'} ${name}`),
    )
  }

  async routeTo(
    address: string,
    { from, iif, sandbox }: { from?: string; iif?: string; sandbox?: string } = {},
  ): Promise<RouteAnswer> {
    return this.#rtnl.within(sandbox, async socket => {
      const input = iif === undefined ? undefined : indexOf(socket, iif)
      try {
        const [replies] = await socket.request([getRoute(address, { from, iif: input })])
        const reply = replies?.[0]
        if (!reply) return { kind: 'none', device: '', gateway: '', source: '' }
        const { link, ...answer } = decodeRouteAnswer(reply.payload)
        return { ...answer, device: link === 0 ? '' : await nameOf(socket, link) }
      } catch (error) {
        const kinds = {
          ENETUNREACH: 'none',
          EHOSTUNREACH: 'unreachable',
          EACCES: 'prohibit',
          EINVAL: 'blackhole',
        } as const
        for (const [errno, kind] of Object.entries(kinds)) {
          if (hasErrno(error, errno)) return { kind, device: '', gateway: '', source: '' }
        }
        throw error
      }
    })
  }

  sysctl(key: string, sandbox?: string): string | undefined {
    return this.#read(sysctlPath(key), sandbox)?.trim()
  }

  conntrack(sandbox?: string): { count: number; max: number } | undefined {
    const number = (key: string) => Number(this.sysctl(`net.netfilter.nf_conntrack_${key}`, sandbox) ?? NaN)
    const [count, max] = [number('count'), number('max')]
    return Number.isNaN(count) || Number.isNaN(max) ? undefined : { count, max }
  }

  connect(address: string, port: number, options: { timeoutMs: number; sandbox?: string }): Promise<ProbeResult> {
    return connectProbe(this.#namespaces, address, port, options)
  }

  ping(address: string, options: { bytes: number; timeoutMs: number; sandbox?: string }): Promise<boolean> {
    return echoProbe(this.#namespaces, address, options)
  }

  whoHas(address: string, asker: Parameters<Inspector['whoHas']>[1]): Promise<string[]> {
    return whoHas(this.#rtnl, address, asker)
  }

  #read(path: string, sandbox: string | undefined): string | undefined {
    return this.#namespaces.enter(sandbox, () => {
      try {
        return fs.readFileSync(path, 'utf8')
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return undefined
        throw error
      }
    })
  }
}

async function nameOf(socket: NetlinkSocket, index: number): Promise<string> {
  const [replies] = await socket.request([getLink(index)], { tolerated: ['ENODEV'] })
  const reply = replies?.[0]
  return reply ? decodeLink(reply.payload).name : ''
}
