import type { Port } from '../project.ts'
import { integer, isMap, list, object, oneOf, string, wrong, type Field } from './fields.ts'

const long = object<Port>({
  target: integer,
  published: string,
  host_ip: string,
  protocol: oneOf('tcp', 'udp', 'sctp'),
  mode: oneOf('ingress', 'host'),
  name: string,
  app_protocol: string,
})

/** A port in its short form (`[HOST_IP:][PUBLISHED:]TARGET[/PROTOCOL]`, with ranges) or its long one. */
export const ports: Field<Port[]> = (value, path) => {
  if (value === null) return []
  if (!Array.isArray(value)) throw wrong(path, 'must be a list')
  return value.flatMap((item: unknown, index) => {
    const at = [...path, index]
    if (!isMap(item)) return shortPort(string(item, at), at)
    const port = long(item, at)
    if (port.target === undefined) throw wrong(at, 'needs a target')
    checkPort(port.target, String(port.target), at)
    const { target, published = '', host_ip = '', protocol = 'tcp', mode = 'ingress' } = port
    if (published) range(published, at)
    const { name, app_protocol } = port
    return [
      {
        ...{ target, published, host_ip: bare(host_ip), protocol, mode },
        ...(name === undefined ? {} : { name }),
        ...(app_protocol === undefined ? {} : { app_protocol }),
      },
    ]
  })
}

/** Container ports, with ranges written out: `3000`, `3000-3005`, `53/udp`. */
export const expose: Field<string[]> = (value, path) =>
  list<string[]>((item, at) => {
    const text = string(item, at)
    const [, numbers, protocol = 'tcp'] = /^([\d-]+)(?:\/(\w+))?$/.exec(text) ?? []
    if (!numbers) throw wrong(at, `has an invalid port ${JSON.stringify(text)}: use PORT[-PORT][/PROTOCOL]`)
    oneOf('tcp', 'udp', 'sctp')(protocol, at)
    return range(numbers, at).map(port => (protocol === 'tcp' ? String(port) : `${port}/${protocol}`))
  })(value, path).flat()

const bare = (ip: string) => ip.replace(/^\[|\]$/g, '')

function shortPort(text: string, path: readonly (string | number)[]): Port[] {
  const match = /^(?:(\[[^\]]+\]|[^:[\]]*):)?(?:([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(text)
  if (!match)
    throw wrong(path, `has an invalid port ${JSON.stringify(text)}: use [HOST_IP:][PUBLISHED:]TARGET[/PROTOCOL]`)
  let [, ip = '', published, targetText = '', protocol = 'tcp'] = match
  // `8080:80` parses as ip `8080`: a lone first part of digits is the published port.
  if (published === undefined && /^[\d-]*$/.test(ip)) [ip, published] = ['', ip]
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    throw wrong(path, `has an unknown protocol ${JSON.stringify(protocol)}: use tcp, udp or sctp`)
  }
  const targets = range(targetText, path)
  const hosts = published ? range(published, path) : undefined
  const host_ip = bare(ip)
  const base = { host_ip, protocol, mode: 'ingress' } as const
  if (hosts && hosts.length !== targets.length) {
    if (targets.length > 1) throw wrong(path, `has ranges of different lengths in ${JSON.stringify(text)}`)
    return [{ ...base, target: targets[0]!, published: published! }]
  }
  return targets.map((target, i) => ({ ...base, target, published: hosts ? String(hosts[i]) : '' }))
}

function range(text: string, path: readonly (string | number)[]): number[] {
  const [first, last = first, ...rest] = text.split('-')
  const from = Number(first)
  const to = Number(last)
  if (rest.length > 0 || to < from) throw wrong(path, `has an invalid port range ${JSON.stringify(text)}`)
  checkPort(from, text, path)
  checkPort(to, text, path)
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

function checkPort(port: number, text: string, path: readonly (string | number)[]): void {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw wrong(path, `has an invalid port ${JSON.stringify(text)}: use 0 to 65535`)
  }
}
