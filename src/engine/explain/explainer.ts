import { invalid } from '#lib/errors.ts'
import type { Explanation } from '#model/explain.ts'
import { Report } from '#model/report.ts'
import { betweenContainers } from './between-containers.ts'
import type { ExplainOptions } from './context.ts'
import { fromOutside } from './from-outside.ts'
import { partyOf, sourceOf, type ContainerParty } from './parties.ts'
import type { ExplainQuestion, ExplainService } from './service.ts'
import { sourceState } from './states.ts'
import { resolveIn } from './resolve.ts'
import { toOutside } from './to-outside.ts'

/** Follows the way that packets of FROM to TO really take, and says what stands in it. Changes nothing. */
export class Explainer implements ExplainService {
  readonly #ctx: ExplainOptions

  constructor(options: ExplainOptions) {
    this.#ctx = options
  }

  async explain(question: ExplainQuestion): Promise<Explanation> {
    const { from, to } = question
    if (from === '' || to === '') throw invalid('explain needs FROM and TO')
    const report = new Report()
    const source = sourceOf(await partyOf(this.#ctx, from), from)
    const target = await partyOf(this.#ctx, to)
    const replicas = target.kind === 'service' ? target.replicas : target.kind === 'container' ? [target] : undefined
    if (source.kind === 'container') {
      if (replicas) await betweenContainers(this.#ctx, report, source, replicas, question)
      else if (target.kind === 'name') await this.#toName(report, source, target.name, question)
      else if (target.kind === 'address') await this.#toAddress(report, source, target.address, question)
      else if (target.kind === 'host' || target.kind === 'internet')
        await toOutside(this.#ctx, report, source, target, question)
    } else if (replicas) {
      const one = replicas.find(replica => replica.status === 'running') ?? replicas[0]!
      await fromOutside(this.#ctx, report, source.kind, one, question)
    } else throw invalid(`explain from ${from} needs a container or a Compose service as TO, and ${to} is none`)
    return report.explanation(question)
  }

  /** The name of no container: an alias of one, or a machine outside. */
  async #toName(report: Report, source: ContainerParty, name: string, question: ExplainQuestion): Promise<void> {
    const ctx = this.#ctx
    if (source.pid > 0) {
      const { addresses } = await resolveIn(ctx, source, name)
      const found = addresses[0] === undefined ? undefined : await this.#holderOf(source, addresses[0])
      if (found) return betweenContainers(ctx, report, source, found, question)
    }
    const nowhere = !name.includes('.') && source.pid > 0
    if (!nowhere) return toOutside(ctx, report, source, { kind: 'name', name }, question)
    if (!sourceState(report, source)) return
    const { rcode, servers, embedded } = await resolveIn(ctx, source, name)
    if (rcode === '') {
      report.fail(
        'name',
        `name ${name}`,
        `no answer from ${servers.join(', ')}`,
        'dns-server-dead',
        `the DNS server of ${source.name} (${servers.join(', ')}) does not answer`,
        `berth restart ${source.name}`,
      )
    } else {
      report.fail(
        'name',
        `name ${name}`,
        embedded ? `the answer is ${rcode}` : 'the DNS servers of the host do not know it',
        'name-unknown',
        `no container on the networks of ${source.name} has the name ${name}`,
        `berth network connect --alias ${name} NETWORK CONTAINER`,
      )
    }
  }

  async #toAddress(report: Report, source: ContainerParty, address: string, question: ExplainQuestion): Promise<void> {
    const found = await this.#holderOf(source, address)
    if (found) return betweenContainers(this.#ctx, report, source, found, question)
    await toOutside(this.#ctx, report, source, { kind: 'address', address }, question)
  }

  /** The containers that have the address on a network of the source's. */
  async #holderOf(source: ContainerParty, address: string): Promise<ContainerParty[] | undefined> {
    for (const { network } of source.attachments) {
      const behind = this.#ctx.networks.replicasBehind(network.id, address)
      const ids =
        behind.length > 0
          ? behind
          : this.#ctx.networks
              .attached(network.id)
              .filter(({ endpoint }) => endpoint.ipv4 === address || endpoint.ipv6 === address)
              .map(one => one.containerId)
      if (ids.length === 0) continue
      const parties = await Promise.all(ids.map(id => partyOf(this.#ctx, id)))
      return parties.filter(party => party.kind === 'container')
    }
    return undefined
  }
}
