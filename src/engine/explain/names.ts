import type { Report } from '#model/report.ts'
import type { NameFacts } from './resolve.ts'

export interface NameContext {
  /** Who asks. */
  source: string
  /** Who is meant; '' for nobody that is known. */
  target: string
  /** Every address that is right: the target's own, and those that stand for its service. */
  right: readonly string[]
  /** The only networks in question are ones that serve no names. */
  nameless: boolean
  /** A network that both are on, for the remedy; '' when there is none. */
  network: string
  /** The container whose network the target shares; '' when it has its own. */
  sharesWith: string
  /** Containers that have the name on networks that the source is not on. */
  elsewhere: readonly { container: string; network: string }[]
}

/** @returns the address that the source would go to, when it is right */
export function judgeName(report: Report, facts: NameFacts, context: NameContext): string | undefined {
  const { name, by, addresses } = facts
  if (addresses.length === 0) {
    failed(report, facts, context)
    return undefined
  }
  const subject = `name ${name}`
  const { source, target, right } = context
  const wrong = addresses.find(address => !right.includes(address))
  if (target === '' || wrong === undefined) {
    report.ok('name', subject, `is ${addresses.join(', ')}${by === 'hosts' ? ', from /etc/hosts' : ''}`)
    return addresses[0]
  }
  const file = by === 'hosts'
  report.fail(
    'name',
    subject,
    `is ${wrong} by ${file ? '/etc/hosts' : 'DNS'}, and ${target} is ${right.join(', ')}`,
    'dns-wrong-answer',
    `${source} takes ${name} for ${wrong}, which is not ${target}${file ? ': its /etc/hosts says so' : ''}`,
    file
      ? `berth exec ${source} sh -c 'sed "/${wrong}/d" /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts'`
      : `berth restart ${source}`,
  )
  return undefined
}

function failed(report: Report, facts: NameFacts, context: NameContext): void {
  const { name, rcode, servers, embedded, upstreamDead } = facts
  const { source, target, nameless, network, elsewhere } = context
  const subject = `name ${name}`
  const listed = servers.join(', ') || 'no server'
  const fail = (detail: string, code: Parameters<Report['fail']>[3], summary: string, fix: string) =>
    report.fail('name', subject, detail, code, summary, fix)
  if (!embedded && target !== '') {
    if (nameless) {
      return fail(
        'the default network serves no names',
        'dns-not-embedded',
        `${source} and ${target} are on the default network only, which serves no names`,
        `berth network create NET && berth network connect NET ${source} && berth network connect NET ${target}`,
      )
    }
    return fail(
      `/etc/resolv.conf names ${listed} and not 127.0.0.11`,
      'dns-not-embedded',
      `${source} does not ask the engine's DNS: its /etc/resolv.conf names ${listed}`,
      `berth restart ${source}`,
    )
  }
  if (context.sharesWith !== '' && (rcode !== '' || upstreamDead)) {
    return fail(
      'has no name of its own',
      'name-unknown',
      `${target} shares the network of ${context.sharesWith} and has no name there: it is reached as ${context.sharesWith}`,
      `berth network explain ${source} ${context.sharesWith}`,
    )
  }
  const outside = name.includes('.')
  if (rcode === '' && !(upstreamDead && !outside)) {
    return upstreamDead
      ? fail(
          'the servers that the engine asks do not answer',
          'dns-server-dead',
          `the DNS servers of the host, or those given to ${source} by --dns, do not answer for ${name}`,
          'cat /etc/resolv.conf',
        )
      : fail(
          `no answer from ${listed}`,
          'dns-server-dead',
          `the DNS server of ${source} (${listed}) does not answer`,
          `berth restart ${source}`,
        )
  }
  if ((rcode === 'SERVFAIL' || rcode === 'REFUSED') && outside) {
    return fail(
      `the answer is ${rcode}`,
      'dns-server-dead',
      `the DNS servers that ${source} asks give no answer for ${name} (${rcode})`,
      'cat /etc/resolv.conf',
    )
  }
  const [holder] = elsewhere
  if (holder) {
    return fail(
      `is a name of ${holder.container} on network ${holder.network}, where ${source} is not`,
      'name-unknown',
      `${source} does not know the name ${name}: it is one of ${holder.container} on network ${holder.network} only`,
      network
        ? `berth network disconnect ${network} ${holder.container} && berth network connect --alias ${name} ${network} ${holder.container}`
        : `berth network connect ${holder.network} ${source}`,
    )
  }
  const answer = rcode === '' ? 'nobody knows it' : `the answer is ${rcode}`
  if (target === '' && !outside) {
    return fail(answer, 'target-not-found', `no container, service or alias is called ${name}`, 'berth ps -a')
  }
  fail(
    answer,
    'name-unknown',
    target === ''
      ? `nobody that ${source} can ask knows the name ${name}`
      : `no container on the networks of ${source} has the name ${name}`,
    target !== '' && network
      ? `berth network disconnect ${network} ${target} && berth network connect --alias ${name} ${network} ${target}`
      : '',
  )
}
