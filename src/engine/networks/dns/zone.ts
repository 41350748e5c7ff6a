import { record } from '#codec/dns/reply.ts'
import { parseAddress } from '../ipam/address.ts'

/** Seconds. Docker's 600 keep clients that heed it (nginx) at replicas that are long gone. */
const TTL = 5

/** One endpoint as the names of its network see it. */
export interface ZoneMember {
  containerId: string
  /** Container name: what a reverse lookup answers. */
  name: string
  names: readonly string[]
  ipv4: string
  ipv6: string
  healthy: boolean
  /** Compose project: its containers get their own project's members of a name, where there are some. */
  project?: string | undefined
  /** Set when the addresses stand for a group of replicas: its key. Whoever gets them must have the group's translation. */
  group?: string
}

/** Ready-made records of one name. */
export interface ZoneAnswer {
  v4: readonly Buffer[]
  v6: readonly Buffer[]
  /** Keys of the groups whose addresses are among them. */
  groups: readonly string[]
  /** What the containers of a project get instead; only for names that several projects share. */
  byProject?: ReadonlyMap<string, ZoneAnswer>
  /** The one Compose project that all of it is of. */
  project?: string | undefined
}

/** The names of one network. Answers are encoded once and kept until a member of that name changes. */
export class Zone {
  networkName: string
  readonly #members = new Map<string, ZoneMember>()
  readonly #byName = new Map<string, Set<ZoneMember>>()
  readonly #byAddress = new Map<bigint, ZoneMember>()
  readonly #answers = new Map<string, ZoneAnswer>()

  constructor(networkName: string) {
    this.networkName = networkName
  }

  /** Replaces what the container had before. */
  put(member: ZoneMember): void {
    this.remove(member.containerId)
    this.#members.set(member.containerId, member)
    for (const name of member.names) {
      const key = name.toLowerCase()
      let set = this.#byName.get(key)
      if (!set) this.#byName.set(key, (set = new Set()))
      set.add(member)
      this.#answers.delete(key)
    }
    for (const text of [member.ipv4, member.ipv6]) {
      const address = parseAddress(text)
      if (address) this.#byAddress.set(reverseKey(address.family, address.value), member)
    }
  }

  remove(containerId: string): void {
    const member = this.#members.get(containerId)
    if (!member) return
    this.#members.delete(containerId)
    for (const name of member.names) {
      const key = name.toLowerCase()
      const set = this.#byName.get(key)
      set?.delete(member)
      if (set?.size === 0) this.#byName.delete(key)
      this.#answers.delete(key)
    }
    for (const text of [member.ipv4, member.ipv6]) {
      const address = parseAddress(text)
      if (!address) continue
      const key = reverseKey(address.family, address.value)
      if (this.#byAddress.get(key) === member) this.#byAddress.delete(key)
    }
  }

  member(containerId: string): ZoneMember | undefined {
    return this.#members.get(containerId)
  }

  setHealthy(containerId: string, healthy: boolean): void {
    const member = this.#members.get(containerId)
    if (!member || member.healthy === healthy) return
    member.healthy = healthy
    for (const name of member.names) this.#answers.delete(name.toLowerCase())
  }

  /**
   * @param name lower case
   * @param project the asker's
   */
  lookup(name: string, project?: string): ZoneAnswer | undefined {
    const answer = this.#answers.get(name) ?? this.#build(name)
    if (project === undefined || !answer?.byProject) return answer
    return answer.byProject.get(project) ?? answer
  }

  #build(name: string): ZoneAnswer | undefined {
    const members = this.#byName.get(name)
    if (!members) return undefined
    const byProject = Map.groupBy(members, member => member.project)
    const answer = answerOf([...members], byProject.size === 1 ? [...byProject.keys()][0] : undefined)
    if (byProject.size > 1) {
      answer.byProject = new Map(
        [...byProject].flatMap(([project, own]) =>
          project === undefined ? [] : [[project, answerOf(own, project)] as const],
        ),
      )
    }
    this.#answers.set(name, answer)
    return answer
  }

  reverse(address: string): Buffer | undefined {
    const parsed = parseAddress(address)
    const member = parsed && this.#byAddress.get(reverseKey(parsed.family, parsed.value))
    return member && record('PTR', `${member.name}.${this.networkName}`, TTL)
  }
}

function answerOf(members: readonly ZoneMember[], project: string | undefined): ZoneAnswer {
  // An unhealthy replica steps back only while another can serve.
  const healthy = members.filter(member => member.healthy)
  const serving = healthy.length > 0 ? healthy : members
  return {
    v4: recordsOf(serving.map(m => m.ipv4)),
    v6: recordsOf(serving.map(m => m.ipv6)),
    groups: serving.flatMap(m => m.group ?? []),
    project,
  }
}

function recordsOf(texts: readonly string[]): Buffer[] {
  return [...new Set(texts)].flatMap(text => {
    const address = parseAddress(text)
    return address ? [record(address.family === 4 ? 'A' : 'AAAA', text, TTL)] : []
  })
}

/** IPv6 above all IPv4, so that ::1.2.3.4 and 1.2.3.4 differ. */
const reverseKey = (family: 4 | 6, value: bigint): bigint => (family === 4 ? value : value + (1n << 128n))
