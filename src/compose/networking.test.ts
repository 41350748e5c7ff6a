import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { canonical } from './canonical.ts'
import { networkHash, serviceHash } from './hash.ts'
import { loadProject } from './load/load.ts'
import { containerRequest, networkRequest } from './request.ts'

let root: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-net-'))
})
after(() => rmSync(root, { recursive: true }))

let count = 0
function project(text: string) {
  const file = join(root, `c${count++}.yaml`)
  writeFileSync(file, text)
  return loadProject({ files: [file], cwd: root, env: {}, projectName: 'p', warn: () => {} })
}

test('every setting of an attachment reaches its endpoint, the first network by priority is the main one', async () => {
  const loaded = await project(`
services:
  web:
    image: x
    networks:
      back: {priority: 1}
      front:
        aliases: [www]
        ipv4_address: 10.9.0.5
        ipv6_address: fd00:9::5
        link_local_ips: [169.254.8.8]
        mac_address: 02:42:ac:11:00:02
        driver_opts: {com.example.a: 1}
        gw_priority: 7
        priority: 10
        interface_name: lan0
networks: {front: , back: }
`)
  const request = containerRequest(loaded, loaded.services['web']!, 1)
  assert.equal(request.HostConfig!.NetworkMode, 'p_front')
  assert.deepEqual(request.NetworkingConfig!.EndpointsConfig!['p_front'], {
    Aliases: ['p-web-1', 'web', 'www'],
    MacAddress: '02:42:ac:11:00:02',
    DriverOpts: { 'com.example.a': '1', 'com.docker.network.endpoint.ifname': 'lan0' },
    GwPriority: 7,
    IPAMConfig: { IPv4Address: '10.9.0.5', IPv6Address: 'fd00:9::5', LinkLocalIPs: ['169.254.8.8'] },
  })
})

test('ports, expose, hosts, DNS, links', async () => {
  const loaded = await project(`
services:
  web:
    image: x
    hostname: www
    domainname: example.com
    ports:
      - {target: 80, published: "8000-8010", host_ip: "[::1]", protocol: tcp, mode: host, name: web, app_protocol: http}
    expose: [3000, "4000-4002", "53/udp"]
    dns: 8.8.8.8
    dns_search: [example.com, internal.local]
    dns_opt: ["ndots:2"]
    extra_hosts: ["a=10.0.0.1", "b:10.0.0.2", "c=[::1]", "d:fd00::1", "host.docker.internal:host-gateway"]
    links: ["db:data", db]
    external_links: ["other_1", "other_2:two"]
  db:
    image: x
    extra_hosts: {a: [10.0.0.1, "[fd00::2]"], b: 10.0.0.3}
  legacy:
    image: x
    network_mode: bridge
    links: [db]
`)
  const web = containerRequest(loaded, loaded.services['web']!, 1)
  assert.deepEqual([web.Hostname, web.Domainname], ['www', 'example.com'])
  assert.deepEqual(web.HostConfig!.PortBindings, { '80/tcp': [{ HostIp: '::1', HostPort: '8000-8010' }] })
  assert.deepEqual(Object.keys(web.ExposedPorts!), [
    ...['80/tcp', '3000/tcp', '4000/tcp', '4001/tcp', '4002/tcp', '53/udp'],
  ])
  assert.deepEqual(web.HostConfig!.Dns, ['8.8.8.8'])
  assert.deepEqual(web.HostConfig!.DnsSearch, ['example.com', 'internal.local'])
  assert.deepEqual(web.HostConfig!.DnsOptions, ['ndots:2'])
  assert.deepEqual(web.HostConfig!.ExtraHosts, [
    ...['a:10.0.0.1', 'b:10.0.0.2', 'c:::1', 'd:fd00::1', 'host.docker.internal:host-gateway'],
  ])
  assert.deepEqual(web.NetworkingConfig!.EndpointsConfig!['p_default']!.Links, [
    ...['p-db-1:data', 'p-db-1:db', 'other_1:other_1', 'other_2:two'],
  ])
  const db = containerRequest(loaded, loaded.services['db']!, 1)
  assert.deepEqual(db.HostConfig!.ExtraHosts, ['a:10.0.0.1', 'a:fd00::2', 'b:10.0.0.3'])
  const legacy = containerRequest(loaded, loaded.services['legacy']!, 1)
  assert.deepEqual(legacy.HostConfig!.Links, ['p-db-1:db'])
})

test('a network: several pools, families, options, external in both spellings', async () => {
  const loaded = await project(`
services:
  a: {image: x, networks: [own, old, new]}
networks:
  own:
    name: custom
    driver: bridge
    internal: true
    attachable: true
    enable_ipv4: true
    enable_ipv6: true
    labels: [tier=front]
    driver_opts: {com.docker.network.bridge.enable_icc: "false", com.docker.network.driver.mtu: 1400}
    ipam:
      driver: default
      options: {foo: bar}
      config:
        - {subnet: 172.28.0.0/16, ip_range: 172.28.5.0/24, gateway: 172.28.5.254, aux_addresses: {host1: 172.28.1.5}}
        - {subnet: "fd00:28::/64"}
  old: {external: {name: was_here}}
  new: {external: true, name: is_here}
`)
  assert.deepEqual(
    ['old', 'new'].map(key => [loaded.networks[key]!.name, loaded.networks[key]!.external]),
    [
      ['was_here', true],
      ['is_here', true],
    ],
  )
  const { Labels, ...request } = networkRequest(loaded, 'own', loaded.networks['own']!)
  assert.equal(Labels!['tier'], 'front')
  assert.deepEqual(request, {
    Name: 'custom',
    Driver: 'bridge',
    Options: { 'com.docker.network.bridge.enable_icc': 'false', 'com.docker.network.driver.mtu': '1400' },
    Internal: true,
    Attachable: true,
    EnableIPv4: true,
    EnableIPv6: true,
    IPAM: {
      Driver: 'default',
      Options: { foo: 'bar' },
      Config: [
        {
          Subnet: '172.28.0.0/16',
          IPRange: '172.28.5.0/24',
          Gateway: '172.28.5.254',
          AuxiliaryAddresses: { host1: '172.28.1.5' },
        },
        { Subnet: 'fd00:28::/64', IPRange: undefined, Gateway: undefined, AuxiliaryAddresses: undefined },
      ],
    },
  })
})

test('x-berth-egress: text or list, on services and networks, part of the hash; other extensions are ignored', async () => {
  const file = (service: string, network: string) => `
services:
  web: {image: x, annotations: {a: b}${service}}
networks:
  default: {x-other: 1${network}}
`
  const plain = await project(file('', ''))
  const loaded = await project(
    file(
      ', x-else: {y: 1}, x-berth-egress: [api.example.com:443, "allow=10.0.0.0/8, :53/udp"]',
      ', x-berth-egress: "allow=10.0.0.0/8"',
    ),
  )
  const web = loaded.services['web']!
  assert.deepEqual(containerRequest(loaded, web, 1).HostConfig!.Annotations, {
    a: 'b',
    'berth.egress': 'allow=api.example.com:443,10.0.0.0/8,:53/udp',
  })
  assert.deepEqual(containerRequest(plain, plain.services['web']!, 1).HostConfig!.Annotations, { a: 'b' })
  assert.equal(
    networkRequest(loaded, 'default', loaded.networks['default']!).Options!['berth.egress'],
    'allow=10.0.0.0/8',
  )
  assert.notEqual(serviceHash(loaded, web), serviceHash(plain, plain.services['web']!))
  assert.notEqual(networkHash(loaded.networks['default']!), networkHash(plain.networks['default']!))
})

test('what config prints loads to the same again', async () => {
  const loaded = await project(`
services:
  web:
    image: x
    networks: {front: {interface_name: lan0, gw_priority: 2}}
    ports: [{target: 80, name: w, app_protocol: http, mode: host}]
    expose: ["4000-4001"]
    extra_hosts: ["c=[::1]"]
    x-berth-egress: [a.example.com]
networks: {front: {x-berth-egress: ["10.0.0.0/8"], enable_ipv4: false, enable_ipv6: true}}
`)
  const again = await project(stringify(canonical(loaded, Object.values(loaded.services))))
  assert.deepEqual(again.services, loaded.services)
  assert.deepEqual(again.networks, loaded.networks)
})

const refused: [string, string, RegExp][] = [
  ['a port mode', 'services: {a: {image: x, ports: [{target: 1, mode: hots}]}}', /mode must be one of ingress, host/],
  ['an exposed port', 'services: {a: {image: x, expose: ["http"]}}', /expose\[0\] has an invalid port "http"/],
  ['a host without address', 'services: {a: {image: x, extra_hosts: [one]}}', /extra_hosts\[0\] must be HOST=IP/],
  [
    'an interface name',
    'services: {a: {image: x, networks: {default: {interface_name: much-too-long-for-it}}}}',
    /interface_name must be an interface name/,
  ],
  [
    'two names of an external network',
    'networks: {n: {name: a, external: {name: b}}}',
    /has a name and an external\.name that differ/,
  ],
  [
    'an egress entry',
    'services: {a: {image: x, x-berth-egress: ["a:99999"]}}',
    /x-berth-egress is no egress policy: .*a:99999/,
  ],
  [
    'egress of an external network',
    'networks: {n: {external: true, x-berth-egress: a.org}}',
    /is external, so x-berth-egress cannot be set/,
  ],
]
for (const [name, text, message] of refused) {
  test(`refuses ${name}`, async () => {
    await assert.rejects(project(text), { kind: 'invalid', message })
  })
}
