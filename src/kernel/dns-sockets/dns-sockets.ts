import type { Firewall } from '#ports/firewall.ts'
import type { DnsHandler, DnsSockets } from '#ports/resolver.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { decodeSocketAddress, encodeSocketAddress } from '#kernel/ffi/sockaddr.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { type AskOptions, ask } from './ask.ts'
import { type DnsListener, serve } from './listener.ts'

const ADDRESS = '127.0.0.11'
const TABLE = 'ip berth-dns'

/**
 * The embedded DNS's sockets: per sandbox one UDP and one TCP socket on 127.0.0.11 and ports the kernel chose, to which a
 * table of the sandbox sends port 53. Connection tracking makes the answers come from port 53.
 */
export class KernelDnsSockets implements DnsSockets {
  readonly #namespaces: NetworkNamespaces
  readonly #firewall: Firewall
  readonly #listeners = new Map<string, DnsListener>()

  constructor(namespaces: NetworkNamespaces, firewall: Firewall) {
    this.#namespaces = namespaces
    this.#firewall = firewall
  }

  async listen(sandbox: string, handler: DnsHandler): Promise<void> {
    const sockets = this.#namespaces.enter(sandbox, openSockets)
    const redirected = this.#redirect(sandbox, sockets.udpPort, sockets.tcpPort).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    const listener = await serve(sockets, sandbox, handler)
    const failed = await redirected
    if (failed) {
      listener.close()
      throw failed.error
    }
    this.#listeners.get(sandbox)?.close()
    this.#listeners.set(sandbox, listener)
  }

  close(sandbox: string): void {
    this.#listeners.get(sandbox)?.close()
    this.#listeners.delete(sandbox)
  }

  closeAll(): void {
    for (const sandbox of [...this.#listeners.keys()]) this.close(sandbox)
  }

  ask(server: string, query: Buffer, options: AskOptions): Promise<Buffer> {
    return ask(this.#namespaces, server, query, options)
  }

  async #redirect(sandbox: string, udpPort: number, tcpPort: number): Promise<void> {
    const body = `table ${TABLE} {
      chain output {
        type nat hook output priority -100; policy accept;
        ip daddr ${ADDRESS} udp dport 53 dnat to ${ADDRESS}:${udpPort}
        ip daddr ${ADDRESS} tcp dport 53 dnat to ${ADDRESS}:${tcpPort}
      }
    }`
    // A transaction that deletes makes the closing of its socket wait for a grace period: so only where there is something
    // to delete, which is after a restart.
    try {
      await this.#firewall.apply(`create table ${TABLE}\n${body}`, sandbox)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      await this.#firewall.apply(`delete table ${TABLE}\n${body}`, sandbox)
    }
  }
}

function openSockets(): { udp: number; tcp: number; udpPort: number; tcpPort: number } {
  const open: number[] = []
  try {
    const [udp, tcp] = [libc.SOCK_DGRAM, libc.SOCK_STREAM].map(type => {
      const fd = libc.socket(libc.AF_INET, type | libc.SOCK_NONBLOCK)
      open.push(fd)
      libc.bind(fd, encodeSocketAddress(ADDRESS, 0))
      return { fd, port: decodeSocketAddress(libc.getsockname(fd)).port }
    })
    return { udp: udp!.fd, tcp: tcp!.fd, udpPort: udp!.port, tcpPort: tcp!.port }
  } catch (error) {
    for (const fd of open) libc.close(fd)
    throw error
  }
}
