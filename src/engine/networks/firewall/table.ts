import type { Logger } from '#lib/log.ts'
import type { Firewall } from '#ports/firewall.ts'
import { changes, emptyElements, ruleset } from './ruleset.ts'
import type { Element, Elements } from './ruleset.ts'
import { isWhole } from './whole.ts'

interface Waiting {
  remove: readonly Element[]
  add: readonly Element[]
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * The daemon's nftables table: what it should hold, and the changes on their way there. Changes that arrive while a
 * transaction runs go together into the next one, so fifty starts at once cost a handful of transactions.
 */
export class FirewallTable {
  readonly #firewall: Firewall
  readonly #table: string
  readonly #log: Logger
  readonly #marking: boolean
  /** What the kernel holds, as far as we know. */
  #elements: Elements = emptyElements()
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #built = false
  /** Of the ruleset when it was looked at, and our own transactions since. */
  #generation = 0
  #changes = 0
  /** Parts cannot be told to be missing here. */
  #partly = false

  /** @param options.marking packets of ours are told from others by a mark */
  constructor(firewall: Firewall, table: string, log: Logger, options: { marking?: boolean } = {}) {
    this.#firewall = firewall
    this.#table = table
    this.#log = log
    this.#marking = options.marking ?? false
  }

  /** Puts the whole table in place. */
  async rebuild(elements: Elements): Promise<void> {
    await this.#running
    await this.#replace(elements)
    this.#elements = elements
    this.#built = true
  }

  /** Takes the table out of the kernel. */
  async remove(): Promise<void> {
    await this.#running
    this.#built = false
    // Named before it is deleted, so that an absent table is no error.
    await this.#firewall.apply(`table inet ${this.#table}\ndelete table inet ${this.#table}\n`)
  }

  /**
   * All of it or nothing; resolves when the kernel has it. What is removed and added alike stays where it is, with its
   * counter: callers may give all that was and all that shall be.
   */
  change(remove: readonly Element[], add: readonly Element[]): Promise<void> {
    if (remove.length === 0 && add.length === 0) return Promise.resolve()
    const stays = new Set(add.map(textOf))
    const gone = remove.filter(element => !stays.has(textOf(element)))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ remove: gone, add, resolve, reject })
      this.#running ??= this.#drain()
    })
  }

  /**
   * Whether somebody took the table away, or a part of it (a firewall reload flushes everything); puts it back. Nothing but
   * one number is read while nobody else changes the ruleset.
   */
  async heal(): Promise<boolean> {
    if (!this.#built || this.#running) return false
    const generation = await this.#firewall.generation()
    if (this.#running || (generation !== 0 && generation === this.#generation + this.#changes)) return false
    const listing = await this.#firewall.listTable('inet', this.#table)
    if (this.#running) return false
    if (listing !== undefined && (this.#partly || this.#isWhole(listing))) {
      this.#generation = generation
      this.#changes = 0
      return false
    }
    this.#log.warn('nftables table was removed by somebody else, putting it back', { table: this.#table })
    await this.rebuild(this.#elements)
    const after = listing && (await this.#firewall.listTable('inet', this.#table))
    // What the kernel lists is never what we expect: only its absence is to be trusted then.
    if (after !== undefined && !this.#running && !this.#isWhole(after)) this.#partly = true
    return true
  }

  #isWhole(listing: unknown): boolean {
    return isWhole(listing, this.#text(emptyElements()), this.#elements)
  }

  #text(elements: Elements): string {
    return ruleset(this.#table, elements, { marking: this.#marking })
  }

  async #replace(elements: Elements): Promise<void> {
    this.#generation = await this.#firewall.generation()
    this.#changes = 0
    await this.#transact(this.#text(elements))
  }

  /** One transaction is one generation of the ruleset. */
  async #transact(script: string): Promise<void> {
    await this.#firewall.apply(script)
    this.#changes++
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#apply(batch)
        for (const one of batch) one.resolve()
      } catch (error) {
        if (batch.length === 1) batch[0]!.reject(error)
        // One bad change must not fail the others of its batch.
        else for (const one of batch) await this.#apply([one]).then(one.resolve, one.reject)
      }
    }
    // In the same turn as the look at the queue, or a change that comes in between would wait for ever.
    this.#running = undefined
  }

  async #apply(batch: readonly Waiting[]): Promise<void> {
    const elements = this.#elements
    const remove = new Map<string, Element>()
    const add = new Map<string, Element>()
    const undo: (() => void)[] = []
    const remember = ({ set, key }: Element) => {
      const before = elements[set].get(key)
      undo.push(() => (before === undefined ? elements[set].delete(key) : elements[set].set(key, before)))
    }
    for (const change of batch) {
      for (const element of change.remove) {
        if (!elements[element.set].has(element.key)) continue
        remember(element)
        elements[element.set].delete(element.key)
        const id = `${element.set} ${element.key}`
        if (!add.delete(id)) remove.set(id, element)
      }
      for (const element of change.add) {
        const { set, key, value = '' } = element
        const before = elements[set].get(key)
        if (before === value) continue
        remember(element)
        const id = `${set} ${key}`
        if (before !== undefined && !add.has(id)) remove.set(id, element)
        elements[set].set(key, value)
        add.set(id, element)
      }
    }
    if (remove.size === 0 && add.size === 0) return
    try {
      await this.#transact(changes(this.#table, [...remove.values()], [...add.values()]))
    } catch (error) {
      // The kernel holds something else than we thought, most likely because the table was flushed: put all of it back.
      this.#log.warn('nftables change was refused, rebuilding the table', { table: this.#table, error: String(error) })
      try {
        await this.#replace(elements)
      } catch {
        for (const step of undo.reverse()) step()
        throw error
      }
    }
  }
}

const textOf = ({ set, key, value = '' }: Element): string => `${set} ${key} ${value}`
