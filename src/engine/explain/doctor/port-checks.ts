import { filterAt, type Packet, type Ruleset } from '#engine/networks/index.ts'
import type { DoctorCheck } from '#model/doctor.ts'
import type { PublishedPort } from '#model/container.ts'
import { isLoopback } from '../listener.ts'
import { outsideDevice, type Facts } from './facts.ts'
import { answerTo, ruleName, ruleOf, stopOf } from './filter.ts'
import { allowing } from './mend.ts'
import { translations, type Target } from './translations.ts'

/** A machine of the documentation's range stands for whoever asks from outside. */
const SOMEBODY = { 4: '192.0.2.1', 6: '2001:db8::1' }

/** Each published port: whether a machine outside reaches it, and if not because of which rule. */
export class PortChecks {
  readonly #facts: Facts
  readonly #targets: (port: PublishedPort) => Target | undefined
  /** Without this daemon's own translation, of which the outcome is known. */
  readonly #others: Ruleset

  constructor(facts: Facts) {
    this.#facts = facts
    this.#targets = translations(facts.ruleset, facts.table)
    const hooks = new Map(
      Array.from(facts.ruleset.hooks, ([hook, chains]) => [
        hook,
        chains.filter(chain => chain.type !== 'nat' || chain.table !== facts.table),
      ]),
    )
    this.#others = { ...facts.ruleset, hooks }
  }

  check({ container, port }: Facts['published'][number]): DoctorCheck {
    const { hostIp, hostPort, protocol, containerPort } = port
    const check = `port ${hostPort}/${protocol}`
    const where = hostIp.includes(':') ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`
    const name = `${where} of ${container}`
    if (protocol === 'sctp') return { check, status: 'info', detail: `${name} is SCTP, which is not judged`, fix: '' }
    const target = this.#targets(port)
    if (!target) {
      const detail = `${name} is not translated to the container by table inet ${this.#facts.table}: it reaches nothing`
      return { check, status: 'fail', detail, fix: '' }
    }
    const holder = this.#facts.listeners.find(
      one => one.port === hostPort && one.protocol === protocol && sameAddress(one.address, hostIp),
    )
    if (holder && protocol === 'tcp') {
      const detail = `a program of the host listens on ${holder.address}:${hostPort} too and hears nothing from outside: ${name} gets the connections`
      return { check, status: 'warn', detail, fix: `ss -ltnp 'sport = :${hostPort}'` }
    }
    if (isLoopback(hostIp)) {
      return { check, status: 'ok', detail: `${name} is for this machine only`, fix: '' }
    }
    return this.#fromOutside(check, name, port, target, containerPort)
  }

  #fromOutside(
    check: string,
    name: string,
    { hostIp, hostPort, protocol }: PublishedPort,
    target: Target,
    containerPort: number,
  ): DoctorCheck {
    const facts = this.#facts
    const family = target.address.includes(':') ? 6 : 4
    const outside = deviceOf(facts, hostIp) ?? outsideDevice(facts, family)
    if (outside === undefined) {
      return { check, status: 'info', detail: `${name}: the host has no way to the outside`, fix: '' }
    }
    const wild = hostIp === '0.0.0.0' || hostIp === '::'
    const own = facts.addresses.find(one => one.device === outside && one.address.includes(':') === (family === 6))
    const arriving: Packet = {
      family,
      protocol: protocol === 'udp' ? 'udp' : 'tcp',
      source: SOMEBODY[family],
      destination: wild ? (own?.address.split('/')[0] ?? hostIp) : hostIp,
      sourcePort: 40_000,
      destinationPort: hostPort,
      iif: outside,
      state: 'new',
      dnat: false,
      toLocal: true,
    }
    const bridge = facts.bridges.get(target.address) ?? ''
    const forwarded: Packet = {
      ...arriving,
      destination: target.address,
      destinationPort: target.port || containerPort,
      ...(bridge !== '' && { oif: bridge }),
      dnat: true,
      toLocal: false,
    }
    const stolen = filterAt(this.#others, 'prerouting', arriving).dnat
    if (stolen && stolen.address !== target.address) {
      const to = `${stolen.address}:${stolen.port ?? hostPort}`
      const detail = `another table translates ${name} to ${to}: who comes first gets the connections`
      return { check, status: 'warn', detail, fix: 'nft list ruleset' }
    }
    const stop = stopOf(this.#others, [
      { hook: 'ingress', packet: arriving },
      { hook: 'prerouting', packet: arriving },
      { hook: 'forward', packet: forwarded },
      { hook: 'postrouting', packet: forwarded },
      { hook: 'forward', packet: answerTo(forwarded), reply: true },
    ])
    if (!stop) {
      const detail = `${name} is reachable from outside as far as the packet filter goes (through ${outside})`
      return { check, status: 'ok', detail, fix: '' }
    }
    const rule = ruleOf(stop.step)
    const what = stop.reply ? `answers of ${name} are` : `packets from outside to ${name} are`
    if (!stop.sure) {
      return { check, status: 'warn', detail: `${what} perhaps dropped by ${ruleName(stop.step)}`, fix: '', rule }
    }
    const detail = `${what} dropped by ${ruleName(stop.step)}`
    if (stop.step.table === facts.table) return { check, status: 'fail', detail, fix: '', rule }
    const into = { address: target.address, port: target.port || containerPort, protocol, hostPort }
    return { check, status: 'fail', detail, fix: allowing(facts.ruleset, stop, { family, bridge, into }), rule }
  }
}

function sameAddress(listening: string, published: string): boolean {
  const wild = (address: string) => address === '0.0.0.0' || address === '::'
  return listening === published || wild(listening) || wild(published)
}

function deviceOf({ addresses }: Facts, hostIp: string): string | undefined {
  return addresses.find(one => one.address.split('/')[0] === hostIp)?.device
}
