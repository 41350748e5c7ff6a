import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import type { EngineEvent } from '#model/event.ts'
import { FakeFirewall } from '#ports/testing/fake-firewall.ts'
import { FakeLinks, FakeSandboxes } from '#ports/testing/fake-links.ts'
import { FakePlugins } from '#ports/testing/fake-plugins.ts'
import { FakeDnsSockets, FakeHostPorts } from '#ports/testing/fake-resolver.ts'
import { FakeSockets } from '#ports/testing/fake-sockets.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import type { CreateNetwork, SandboxOwner } from '../service.ts'
import { Networks } from '../networks.ts'

/** The service on fakes. `restart` makes another on the same host and store, as after `kill -9`. */
export async function rig() {
  const links = new FakeLinks()
  links.addForeign('eth0', ['192.0.2.2/24'], [{ destination: 'default', gateway: '192.0.2.1' }])
  const ports = {
    links,
    sandboxes: new FakeSandboxes(links),
    firewall: new FakeFirewall(),
    dnsSockets: new FakeDnsSockets(),
    hostPorts: new FakeHostPorts(),
    sockets: new FakeSockets(),
    plugins: new FakePlugins(),
    store: new FakeStore(),
  }
  const events: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>[] = []
  let serial = 0
  const make = (hostPorts = ports.hostPorts) =>
    new Networks({
      ...ports,
      hostPorts,
      host: {
        facts: () => {
          throw new Error('not asked')
        },
        resolvers: () => ({ nameservers: ['192.0.2.53'], search: [], options: [] }),
        hostsFile: async () => '127.0.0.1\tlocalhost\n',
        timezoneFile: () => undefined,
      },
      clock: systemClock(),
      log: silentLogger,
      publish: event => void events.push(event),
      key: 'test',
      bootId: 'boot',
      guardForwarding: true,
      table: 'berth-test',
      bridge: 'berth0',
      randomHex: bytes =>
        (++serial)
          .toString(16)
          .padStart(8, '0')
          .padEnd(bytes * 2, '0')
          .slice(0, bytes * 2),
      random: () => 0,
    })
  const networks = make()
  await networks.recover([], [])
  return { ...ports, events, networks, restart: () => make(new FakeHostPorts()) }
}

export function owner(name: string, more: Partial<SandboxOwner> = {}): SandboxOwner {
  return {
    id: Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64),
    name,
    hostname: '',
    domainname: '',
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    links: [],
    exposedPorts: [],
    portBindings: {},
    publishAllPorts: false,
    sysctls: {},
    labels: {},
    annotations: {},
    ...more,
  }
}

export function request(name: string, more: Partial<CreateNetwork> = {}): CreateNetwork {
  return {
    name,
    driver: 'bridge',
    enableIPv4: true,
    enableIPv6: false,
    internal: false,
    attachable: false,
    ingress: false,
    ipam: { Driver: 'default', Options: {}, Config: [] },
    options: {},
    labels: {},
    ...more,
  }
}

export const subnet = (Subnet: string) => ({ ipam: { Driver: 'default', Options: {}, Config: [{ Subnet }] } })
