import type { Firewall } from '#ports/firewall.ts'
import type { DnsHandler, DnsSockets } from '#ports/resolver.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { type AskOptions, ask } from './ask.ts'
import { ADDRESS, type BoundSockets, USUAL_PORT, bindSockets } from './bound.ts'
import { hasTable } from './has-table.ts'
import { type DnsListener, serve } from './listener.ts'
import { UdpBatch } from './udp-batch.ts'

/** Leads to the usual port, and stays as it is over restarts of the daemon. */
const USUAL_TABLE = 'berth-dns'
/** Leads to other ports. Of two tables the usual one decides. */
const OTHER_TABLE = 'berth-dns-other'

/**
 * The embedded DNS's sockets: per sandbox one UDP and one TCP socket on 127.0.0.11 and a high port, to which a table of the
 * sandbox sends port 53. Connection tracking makes the answers come from port 53.
 *
 * A restarted daemon finds the table of the usual port there and has only to bind again. Replacing it would be a
 * transaction that deletes, whose end waits for an RCU grace period: 30 ms, and that for every container.
 */
export class KernelDnsSockets implements DnsSockets {
  readonly #namespaces: NetworkNamespaces
  readonly #firewall: Firewall
  readonly #listeners = new Map<string, DnsListener>()
  #batch: UdpBatch | undefined

  constructor(namespaces: NetworkNamespaces, firewall: Firewall) {
    this.#namespaces = namespaces
    this.#firewall = firewall
  }

  async listen(sandbox: string, handler: DnsHandler): Promise<void> {
    this.close(sandbox)
    const { sockets, found } = this.#namespaces.enter(sandbox, () => ({
      found: hasTable(USUAL_TABLE),
      sockets: bindSockets(),
    }))
    const usual = sockets.udpPort === USUAL_PORT
    const redirected = (usual && found ? Promise.resolve() : this.#redirect(sandbox, sockets, { usual, found })).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    const listener = await serve(sockets, sandbox, handler, (this.#batch ??= new UdpBatch()))
    const failed = await redirected
    if (failed) {
      listener.close()
      throw failed.error
    }
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

  /** @param state.found whether the table of the usual port is there */
  async #redirect(sandbox: string, ports: BoundSockets, state: { usual: boolean; found: boolean }): Promise<void> {
    if (state.usual) return this.#firewall.apply(`${redirection(USUAL_TABLE, -101, ports)}`, sandbox)
    const lines = [`table ip ${OTHER_TABLE}`, `delete table ip ${OTHER_TABLE}`]
    if (state.found) lines.push(`delete table ip ${USUAL_TABLE}`)
    await this.#firewall.apply([...lines, redirection(OTHER_TABLE, -100, ports)].join('\n'), sandbox)
  }
}

function redirection(table: string, priority: number, { udpPort, tcpPort }: BoundSockets): string {
  return `table ip ${table} {
    chain output {
      type nat hook output priority ${priority}; policy accept;
      ip daddr ${ADDRESS} udp dport 53 dnat to ${ADDRESS}:${udpPort}
      ip daddr ${ADDRESS} tcp dport 53 dnat to ${ADDRESS}:${tcpPort}
    }
  }`
}
