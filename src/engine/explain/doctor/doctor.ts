import type { DoctorReport } from '#model/doctor.ts'
import type { Clock } from '#lib/clock.ts'
import type { ExplainOptions } from '../context.ts'
import { gather } from './facts.ts'
import { firewallChecks } from './firewall-checks.ts'
import { hostChecks } from './host-checks.ts'
import { networkChecks } from './network-checks.ts'
import { PortChecks } from './port-checks.ts'

/** Published ports that are judged before others get their turn. */
const AT_ONCE = 50

export interface DoctorService {
  examine(): Promise<DoctorReport>
}

/** Says what of the host stands in the way of published ports and of what containers ask outside. Changes nothing. */
export class NetworkDoctor implements DoctorService {
  readonly #ctx: ExplainOptions
  readonly #clock: Clock

  constructor(options: ExplainOptions, clock: Clock) {
    this.#ctx = options
    this.#clock = clock
  }

  async examine(): Promise<DoctorReport> {
    const facts = await gather(this.#ctx)
    const checks = [...hostChecks(facts), ...firewallChecks(facts)]
    for (const network of facts.networks) {
      checks.push(...networkChecks(facts, network))
      await this.#clock.sleep(0)
    }
    const ports = new PortChecks(facts)
    for (const [i, published] of facts.published.entries()) {
      checks.push(ports.check(published))
      if (i % AT_ONCE === AT_ONCE - 1) await this.#clock.sleep(0)
    }
    return { checks, problems: checks.filter(check => check.status === 'fail').length }
  }
}
