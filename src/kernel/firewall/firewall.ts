import { decodeGeneration, getGeneration } from '#codec/netlink/nf-generation.ts'
import type { AcceptRule, Firewall, FlowFilter } from '#ports/firewall.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { Lane } from '#kernel/netlink/lane.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '#kernel/netlink/socket.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { acceptFirst } from './accept-first.ts'
import { forgetFlows } from './forget-flows.ts'
import { NftContext, type NftOutput } from './libnftables.ts'
import { LowDescriptors } from './low-descriptors.ts'
import { assertOwnTables } from './names.ts'
import { addTexts, needsTexts } from './rule-texts.ts'

/**
 * nftables by libnftables, in-process. One context is kept for the daemon's namespace; a sandbox gets one for the moment.
 * Scripts run one after the other on a pool thread. Measured: an element added to or deleted from a map 0.15 ms, be there
 * 10 or 10,000 in it (neither form makes the library read the map); listing 10,000 elements 90 ms.
 */
export class KernelFirewall implements Firewall {
  readonly #namespaces: NetworkNamespaces
  readonly #lane = new Lane()
  readonly #flowLane = new Lane()
  readonly #closing = new Lane()
  readonly #own: NftContext
  readonly #low = new LowDescriptors()

  constructor(namespaces: NetworkNamespaces) {
    this.#namespaces = namespaces
    this.#own = this.#low.vacate(() => new NftContext())
  }

  async apply(script: string, sandbox?: string): Promise<void> {
    assertOwnTables(script)
    await this.#run(script, sandbox)
  }

  async listTable(family: string, name: string, sandbox?: string): Promise<unknown> {
    const script = `list table ${family} ${name}`
    assertOwnTables(script)
    try {
      return JSON.parse(await this.#run(script, sandbox)) as unknown
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }

  async generation(sandbox?: string): Promise<number> {
    const socket = this.#namespaces.enter(sandbox, () => new NetlinkSocket(NETLINK_NETFILTER, this.#flowLane))
    try {
      const [[answer] = []] = await socket.request([getGeneration()])
      return answer ? decodeGeneration(answer.payload) : 0
    } finally {
      socket.close()
    }
  }

  async tables(sandbox?: string): Promise<{ family: string; name: string }[]> {
    const listing = JSON.parse(await this.#run('list tables', sandbox)) as {
      nftables: { table?: { family: string; name: string } }[]
    }
    return listing.nftables.flatMap(({ table }) => (table ? [{ family: table.family, name: table.name }] : []))
  }

  acceptFirst(rule: AcceptRule, present: boolean, sandbox?: string): Promise<number> {
    return acceptFirst(script => this.#run(script, sandbox), rule, present)
  }

  /** Everything that any program has put there; rules of iptables-nft with their text. */
  async listRuleset(sandbox?: string): Promise<unknown> {
    const json = await this.#run('list ruleset', sandbox, 'symbolic')
    const listing: unknown = JSON.parse(json)
    if (needsTexts(json)) addTexts(listing, await this.#run('list ruleset', sandbox, 'text'))
    return listing
  }

  forgetFlows(filter: FlowFilter, sandbox?: string): Promise<void> {
    const open = () => new NetlinkSocket(NETLINK_NETFILTER, this.#flowLane)
    return forgetFlows(() => this.#namespaces.enter(sandbox, open), filter)
  }

  close(): void {
    this.#own.close()
    this.#low.close()
  }

  #run(script: string, sandbox: string | undefined, output?: NftOutput): Promise<string> {
    return this.#lane.run(async () => {
      if (sandbox === undefined) return this.#own.run(script, output)
      const context = this.#namespaces.enter(sandbox, () => this.#low.vacate(() => new NftContext()))
      try {
        return await context.run(script, output)
      } finally {
        if (deletes(script)) void this.#closing.run(() => context.closeSoon().catch(() => {}))
        else context.close()
        this.#low.refill()
      }
    })
  }
}

/** Whether a transaction had something to destroy, for which the closing of its socket then waits. */
function deletes(script: string): boolean {
  return /\b(delete|destroy|flush|replace)\b/.test(script)
}
