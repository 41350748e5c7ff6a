import { system } from '#lib/errors.ts'
import { assertOwnTables, namedTables } from '#kernel/firewall/names.ts'
import type { AcceptRule, Firewall, FlowFilter } from '#ports/firewall.ts'

/** Keeps the scripts, in order, and knows which tables exist. `failNext` makes the next `apply` fail unapplied. */
export class FakeFirewall implements Firewall {
  readonly scripts: { script: string; sandbox: string }[] = []
  readonly forgotten: FlowFilter[] = []
  #generation = 1
  failNext: Error | undefined
  readonly #tables = new Map<string, Set<string>>()

  async apply(script: string, sandbox = ''): Promise<void> {
    assertOwnTables(script)
    const error = this.failNext
    this.failNext = undefined
    if (error) throw error
    const tables = new Set(this.#tables.get(sandbox))
    for (const { verb, object, family, name } of namedTables(script)) {
      const key = `${family} ${name}`
      if (object === 'table' && (verb === 'add' || verb === 'create')) tables.add(key)
      else if (object === 'table' && verb === 'destroy') tables.delete(key)
      else if (!tables.has(key)) {
        throw system(`nftables: No such file or directory: table ${key}`, { details: { errno: 'ENOENT' } })
      } else if (object === 'table' && verb === 'delete') tables.delete(key)
    }
    this.#tables.set(sandbox, tables)
    this.scripts.push({ script, sandbox })
    this.#generation++
  }

  /** Everything applied so far to one namespace, as one text. */
  text(sandbox = ''): string {
    return this.scripts.flatMap(entry => (entry.sandbox === sandbox ? [entry.script] : [])).join('\n')
  }

  /** Test hook: somebody else's reload took the tables away. */
  forgetTables(): void {
    this.#generation++
    this.#tables.clear()
  }

  async listTable(family: string, name: string, sandbox = ''): Promise<unknown> {
    if (!this.#tables.get(sandbox)?.has(`${family} ${name}`)) return undefined
    return { nftables: [{ metainfo: {} }, { table: { family, name, handle: 1 } }] }
  }

  /** The rule at the head of chains of others, while there is one. */
  accepted: AcceptRule | undefined

  async acceptFirst(rule: AcceptRule, present: boolean): Promise<number> {
    this.accepted = present ? rule : undefined
    return 0
  }

  async generation(): Promise<number> {
    return this.#generation
  }

  async tables(sandbox = ''): Promise<{ family: string; name: string }[]> {
    return [...(this.#tables.get(sandbox) ?? [])].map(key => {
      const [family = '', name = ''] = key.split(' ')
      return { family, name }
    })
  }

  async forgetFlows(filter: FlowFilter): Promise<void> {
    this.forgotten.push(filter)
  }
}
