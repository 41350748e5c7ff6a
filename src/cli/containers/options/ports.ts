import { isIP } from 'node:net'
import type { PortBinding } from '#wire/index.ts'
import { CliError } from '../../core/command.ts'
import { parseCsv } from '../../core/values.ts'

export interface Ports {
  exposed: Record<string, Record<string, never>>
  bindings: Record<string, PortBinding[]>
}

const wrong = (message: string) => new CliError(message, 125)

function portNumber(text: string, what: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > 65535) throw wrong(`invalid ${what}: ${text}`)
  return value
}

/** `80` or `80-90`. */
function range(text: string, what: string): [number, number] {
  const [low, high = low] = text.split('-') as [string, string?]
  const pair: [number, number] = [portNumber(low!, what), portNumber(high!, what)]
  if (pair[1] < pair[0]) throw wrong(`invalid ${what}: ${text}`)
  return pair
}

/** `-p` and `--expose` values: `[[ip:][host port]:]container port[/protocol]`, ranges of equal length. */
export function parsePorts(publish: readonly string[], expose: readonly string[]): Ports {
  const ports: Ports = { exposed: {}, bindings: {} }
  for (const value of publish) addPublished(ports, value.includes('=') ? longForm(value) : value)
  for (const value of expose) {
    if (value.includes(':')) throw wrong(`invalid port format for --expose: ${value}`)
    const [text, protocol = 'tcp'] = value.split('/') as [string, string?]
    if (!/^\d+(-\d+)?$/.test(text)) {
      throw wrong(
        `invalid range format for --expose: ${value}, error: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
      )
    }
    const [low, high] = range(text, 'port')
    for (let port = low; port <= high; port++) ports.exposed[`${port}/${protocol.toLowerCase()}`] = {}
  }
  return ports
}

function addPublished(ports: Ports, value: string): void {
  const slash = value.lastIndexOf('/')
  const protocol = slash < 0 ? 'tcp' : value.slice(slash + 1).toLowerCase()
  const spec = slash < 0 ? value : value.slice(0, slash)
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw wrong(`invalid proto: ${protocol}`)
  const parts = spec.split(':')
  const inside = parts.pop()!
  const host = parts.pop() ?? ''
  const ip = parts.join(':').replace(/^\[|\]$/g, '')
  if (inside === '') throw wrong(`no port specified: ${value}<empty>`)
  if (ip !== '' && isIP(ip) === 0) throw wrong(`invalid IP address: ${ip}`)
  const [low, high] = range(inside, 'containerPort')
  const hosts = host === '' ? undefined : range(host, 'hostPort')
  const length = high - low
  if (hosts && hosts[1] - hosts[0] !== length && length !== 0) {
    throw wrong(`invalid ranges specified for container and host Ports: ${inside} and ${host}`)
  }
  for (let i = 0; i <= length; i++) {
    const key = `${low + i}/${protocol}`
    ports.exposed[key] = {}
    // One container port with a host range: the daemon picks one of the range.
    const picked = !hosts ? '' : length === 0 && hosts[0] !== hosts[1] ? host : String(hosts[0] + i)
    ;(ports.bindings[key] ??= []).push({ HostIp: ip, HostPort: picked })
  }
}

/** `published=8080,target=80,protocol=tcp` */
function longForm(value: string): string {
  const fields: Record<string, string> = {}
  for (const field of parseCsv(value)) {
    const at = field.indexOf('=')
    if (at < 0) throw wrong(`invalid field ${field}`)
    fields[field.slice(0, at)] = field.slice(at + 1)
  }
  if (!fields['target']) throw wrong(`invalid publish opts format (should be name=value but got '${value}')`)
  return `${fields['published'] ?? ''}:${fields['target']}/${fields['protocol'] ?? 'tcp'}`
}
