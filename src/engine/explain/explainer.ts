import { invalid } from '#lib/errors.ts'
import type { Explanation } from '#model/explain.ts'
import { Report } from '#model/report.ts'
import { judgeBetween } from './between-containers.ts'
import { elsewhere, lookBetween } from './between-facts.ts'
import type { ExplainOptions } from './context.ts'
import { fromOutside } from './from-outside.ts'
import { judgeName } from './names.ts'
import { containerParty, partyOf, sourceOf, type ContainerParty } from './parties.ts'
import { resolveIn } from './resolve.ts'
import type { ExplainQuestion, ExplainService } from './service.ts'
import { sourceState } from './states.ts'
import { toOutside } from './to-outside.ts'

/** How often a question is asked anew whose containers change meanwhile. */
const ATTEMPTS = 3

/** Follows the way that packets of FROM to TO really take, and says what stands in it. Changes nothing. */
export class Explainer implements ExplainService {
  readonly #ctx: ExplainOptions

  constructor(options: ExplainOptions) {
    this.#ctx = options
  }

  async explain(question: ExplainQuestion): Promise<Explanation> {
    const { from, to } = question
    if (from === '' || to === '') throw invalid('explain needs FROM and TO')
    for (let attempt = 1; ; attempt++) {
      const before = await this.#stateOf(from, to)
      try {
        return await this.#attempt(question)
      } catch (error) {
        // A namespace that was there went with its container in between: what is true now is asked for.
        if (attempt === ATTEMPTS || (await this.#stateOf(from, to)) === before) throw error
      }
    }
  }

  /** Differs once a container that is meant was started, stopped or removed. */
  async #stateOf(...texts: string[]): Promise<string> {
    const parties = await Promise.all(texts.map(text => partyOf(this.#ctx, text)))
    const all = parties.flatMap(one => (one.kind === 'service' ? one.replicas : one.kind === 'container' ? [one] : []))
    return all.map(({ id, status, pid }) => `${id} ${status} ${pid}`).join()
  }

  async #attempt(question: ExplainQuestion): Promise<Explanation> {
    const { from, to } = question
    const report = new Report()
    const source = sourceOf(await partyOf(this.#ctx, from), from)
    const target = await partyOf(this.#ctx, to)
    const replicas = target.kind === 'service' ? target.replicas : target.kind === 'container' ? [target] : undefined
    if (source.kind === 'container') {
      if (replicas) await this.#between(report, source, replicas, question)
      else if (target.kind === 'name') await this.#toName(report, source, target.name, question)
      else if (target.kind === 'address') await this.#toAddress(report, source, target.address, question)
      else if (target.kind === 'host' || target.kind === 'internet') {
        await toOutside(this.#ctx, report, source, target, question)
      }
    } else if (replicas) {
      const one = replicas.find(replica => replica.status === 'running') ?? replicas[0]!
      await fromOutside(this.#ctx, report, source.kind, one, question)
    } else throw invalid(`explain from ${from} needs a container or a Compose service as TO, and ${to} is none`)
    return report.explanation(question)
  }

  async #between(
    report: Report,
    source: ContainerParty,
    replicas: readonly ContainerParty[],
    question: ExplainQuestion,
  ): Promise<void> {
    const [first] = replicas
    if (source.sandbox === undefined && first?.sandbox !== undefined) {
      // It is the host as far as networks go.
      if (sourceState(report, source)) await fromOutside(this.#ctx, report, 'host', first, question)
    } else if (source.sandbox !== undefined && first?.sandbox === undefined && first!.pid > 0) {
      await toOutside(this.#ctx, report, source, { kind: 'host' }, question)
    } else judgeBetween(report, await lookBetween(this.#ctx, source, replicas, question))
  }

  /** The name of no container: an alias of one, or a machine outside. */
  async #toName(report: Report, source: ContainerParty, name: string, question: ExplainQuestion): Promise<void> {
    const ctx = this.#ctx
    if (source.pid === 0) return void sourceState(report, source)
    const facts = await resolveIn(ctx, source, name)
    const [address] = facts.addresses
    const found = address === undefined ? undefined : this.#holderOf(source, address)
    if (found) return this.#between(report, source, found, question)
    const holders = elsewhere(ctx, source, name)
    if (address !== undefined || (name.includes('.') && holders.length === 0)) {
      return toOutside(ctx, report, source, { kind: 'name', name, facts }, question)
    }
    sourceState(report, source)
    const [holder] = holders
    const mine = new Set(source.attachments.map(one => one.network.name))
    const other = holder && containerParty(ctx, ctx.containers.get(holder.container))
    judgeName(report, facts, {
      source: source.name,
      target: holder?.container ?? '',
      right: [],
      sharesWith: '',
      nameless: source.attachments.every(one => one.network.builtin),
      network: other?.attachments.find(one => mine.has(one.network.name))?.network.name ?? '',
      elsewhere: holders,
    })
  }

  async #toAddress(report: Report, source: ContainerParty, address: string, question: ExplainQuestion): Promise<void> {
    const own = source.sandbox !== undefined && (address === '::1' || address.startsWith('127.'))
    const found = own ? [source] : this.#holderOf(source, address)
    if (found) return this.#between(report, source, found, question)
    await toOutside(this.#ctx, report, source, { kind: 'address', address }, question)
  }

  /** The containers that have the address on a network of the source's. */
  #holderOf(source: ContainerParty, address: string): ContainerParty[] | undefined {
    for (const { network } of source.attachments) {
      const behind = this.#ctx.networks.replicasBehind(network.id, address)
      const ids =
        behind.length > 0
          ? behind
          : this.#ctx.networks
              .attached(network.id)
              .filter(({ endpoint }) => endpoint.ipv4 === address || endpoint.ipv6 === address)
              .map(one => one.containerId)
      if (ids.length > 0) return ids.map(id => containerParty(this.#ctx, this.#ctx.containers.get(id)))
    }
    return undefined
  }
}
