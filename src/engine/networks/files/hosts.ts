import { invalid } from '#lib/errors.ts'
import type { SandboxOwner } from '../service.ts'
import { parseAddress } from '../ipam/address.ts'

const LOCAL = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`

export interface HostsInput {
  owner: Pick<SandboxOwner, 'id' | 'hostname' | 'domainname' | 'extraHosts'>
  /** Own addresses in order of the endpoints. */
  addresses: readonly string[]
  /** Legacy links of the default bridge. */
  links: readonly { address: string; names: readonly string[] }[]
  /** What `host-gateway` means; '' when there is no default bridge. */
  hostGateway: string
}

/** The container's /etc/hosts, as Docker writes it. */
export function hostsText(input: HostsInput): string {
  const { owner } = input
  const name = hostnameOf(owner)
  const own = owner.domainname && !name.includes('.') ? `${name}.${owner.domainname} ${name}` : name
  const lines = [
    ...extraHostLines(owner.extraHosts, input.hostGateway),
    ...input.links.map(link => `${link.address}\t${link.names.join(' ')}`),
    ...input.addresses.map(address => `${address}\t${own}`),
  ]
  return LOCAL + lines.map(line => `${line}\n`).join('')
}

export const hostnameOf = (owner: Pick<SandboxOwner, 'id' | 'hostname'>): string =>
  owner.hostname || owner.id.slice(0, 12)

/** `name:address` or `name=address`; IPv6 may be in brackets. @throws invalid in Docker's words */
export function extraHostLines(extraHosts: readonly string[], hostGateway: string): string[] {
  return extraHosts.map(entry => {
    const match = /^([^:=\s]+)[:=](.+)$/.exec(entry)
    const text = match?.[2]?.replace(/^\[(.*)\]$/, '$1')
    if (!match || !text) throw invalid(`bad format for add-host: "${entry}"`)
    if (text === 'host-gateway') {
      if (!hostGateway) throw invalid(`unable to derive the IP value for host-gateway: there is no default bridge`)
      return `${hostGateway}\t${match[1]}`
    }
    if (!parseAddress(text)) throw invalid(`invalid IP address in add-host: "${text}"`)
    return `${text}\t${match[1]}`
  })
}

/** The host's own file for `--network host`, the user's extra hosts behind it. */
export function hostNetworkHosts(hostFile: string, extraHosts: readonly string[], hostGateway: string): string {
  const lines = extraHostLines(extraHosts, hostGateway)
  const body = hostFile === '' || hostFile.endsWith('\n') ? hostFile : `${hostFile}\n`
  return body + lines.map(line => `${line}\n`).join('')
}
