import { writeFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CauseCode } from '#model/explain.ts'
import { SERVE, type FaultLab } from './fault-lab.ts'
import { until } from './tools.ts'

/** Something that is broken on purpose. */
export interface Fault {
  name: string
  /** FROM and TO. */
  ask: readonly [string, string]
  code: CauseCode
  /** @returns what mends it */
  break(lab: FaultLab): Promise<() => Promise<unknown> | unknown>
  /** What is asked when it is mended, where that is another question. */
  healthy?: readonly [string, string]
}

const DB = ['web', 'db:80'] as const

const NOBODY = '02:00:00:00:00:99'

/** Adds a table with one rule, in somebody's network. */
async function drops(
  lab: FaultLab,
  where: string,
  family: string,
  hook: string,
  rule: string,
  priority = 'filter',
): Promise<() => Promise<unknown>> {
  const chain = `{ type filter hook ${hook} priority ${priority}; policy accept; }`
  const nft = async (...lines: string[]) => {
    for (const line of lines) {
      if (where === 'the host') lab.host('nft', line)
      else await lab.within(where, 'nft', line)
    }
  }
  await nft(`add table ${family} strange`, `add chain ${family} strange guard ${chain}`)
  await nft(`add rule ${family} strange guard ${rule}`)
  return () => nft(`delete table ${family} strange`)
}

/** Sets a link down; up again, routes are put back. */
async function downInside(lab: FaultLab, container: string, gateway: string): Promise<() => Promise<unknown>> {
  await lab.within(container, 'ip', 'link', 'set', 'eth0', 'down')
  return async () => {
    await lab.within(container, 'ip', 'link', 'set', 'eth0', 'up')
    await lab.within(container, 'ip', 'route', 'replace', 'default', 'via', gateway)
  }
}

async function noRoutes(
  lab: FaultLab,
  container: string,
  subnet: string,
  gateway: string,
): Promise<() => Promise<unknown>> {
  await lab.within(container, 'ip', 'route', 'flush', 'table', 'main')
  return async () => {
    await lab.within(container, 'ip', 'route', 'replace', subnet, 'dev', 'eth0')
    await lab.within(container, 'ip', 'route', 'replace', 'default', 'via', gateway)
  }
}

const FRONT = '10.231.1.0/24'
const GATEWAY = '10.231.1.1'

/** Between two containers on one network. */
export const BETWEEN: Fault[] = [
  {
    name: 'no shared network',
    ask: ['loner', 'lone:80'],
    code: 'no-shared-network',
    async break(lab) {
      await lab.daemon.client.networks.disconnect('front', 'loner')
      return () => lab.daemon.client.networks.connect('front', 'loner')
    },
  },
  {
    name: 'target stopped',
    ask: DB,
    code: 'target-not-running',
    async break(lab) {
      await lab.daemon.client.containers.stop('db')
      return async () => {
        await lab.daemon.client.containers.start('db')
        await lab.serves('db')
      }
    },
  },
  {
    name: 'target paused',
    ask: DB,
    code: 'target-paused',
    async break(lab) {
      await lab.daemon.client.containers.pause('db')
      return () => lab.daemon.client.containers.unpause('db')
    },
  },
  {
    name: 'target crashed',
    ask: DB,
    code: 'target-crashed',
    async break(lab) {
      const { exit } = await lab.daemon.client.containers.wait('db')
      process.kill(await lab.pid('db'), 'SIGKILL')
      await exit
      return async () => {
        await lab.daemon.client.containers.start('db')
        await lab.serves('db')
      }
    },
  },
  {
    name: 'target restarts for ever',
    ask: ['web', 'looper:80'],
    code: 'target-restarting',
    async break(lab) {
      const flag = join(lab.flags, 'broken')
      writeFileSync(flag, '')
      process.kill(await lab.pid('looper'), 'SIGKILL')
      // Until its policy waits longer than a question takes.
      await new Promise(resolve => setTimeout(resolve, 1500))
      return async () => {
        rmSync(flag)
        await lab.serves('looper')
      }
    },
  },
  {
    name: 'replica unhealthy behind the address of its service',
    ask: ['web', 'twin-1:80'],
    code: 'target-unhealthy',
    async break(lab) {
      const health = async (wanted: string) => {
        for (;;) {
          const { State } = await lab.daemon.client.containers.inspect('twin-1')
          if (State.Health?.Status === wanted) return
          await new Promise(resolve => setTimeout(resolve, 50))
        }
      }
      await health('healthy')
      writeFileSync(join(lab.flags, 'sick'), '')
      await health('unhealthy')
      return async () => {
        rmSync(join(lab.flags, 'sick'))
        await health('healthy')
      }
    },
  },
  {
    name: "the rules of a service's address flushed in the source",
    ask: ['web', 'twin:80'],
    code: 'filter-missing',
    async break(lab) {
      await lab.explain('web', 'twin:80')
      const rules = await lab.within('web', 'nft', 'list', 'table', 'inet', 'berth-vip')
      await lab.within('web', 'nft', 'delete', 'table', 'inet', 'berth-vip')
      const file = join(lab.flags, 'rules')
      writeFileSync(file, rules)
      return () => lab.within('web', 'nft', '-f', file)
    },
  },
  {
    name: 'wrong port',
    ask: ['web', 'db:81'],
    healthy: DB,
    code: 'not-listening',
    async break() {
      return () => {}
    },
  },
  {
    name: 'listener on 127.0.0.1 only',
    ask: ['web', 'db:8081'],
    code: 'listening-on-loopback',
    async break(lab) {
      const end = await lab.listen('db', ['busybox', 'httpd', '-f', '-p', '127.0.0.1:8081'], 8081)
      return async () => {
        end()
        await lab.listen('db', ['busybox', 'httpd', '-f', '-p', '0.0.0.0:8081'], 8081)
      }
    },
  },
  {
    name: "listener on another interface's address",
    ask: ['web', 'db:8082'],
    code: 'listening-elsewhere',
    async break(lab) {
      const back = await lab.address('db', 'back')
      const end = await lab.listen('db', ['busybox', 'httpd', '-f', '-p', `${back}:8082`], 8082)
      return async () => {
        end()
        await lab.listen('db', ['busybox', 'httpd', '-f', '-p', '0.0.0.0:8082'], 8082)
      }
    },
  },
  {
    name: 'listener for UDP only',
    ask: ['web', 'db:8083'],
    code: 'listening-other-protocol',
    async break(lab) {
      await lab.listen('db', ['nc', '-u', '-l', '-k', '-p', '8083'], 8083, 'u')
      return () => lab.listen('db', ['busybox', 'httpd', '-f', '-p', '8083'], 8083)
    },
  },
  {
    name: 'the program does not accept',
    ask: ['web', 'db:8084'],
    code: 'accept-queue-full',
    async break(lab) {
      const listener = 'import socket, time; s = socket.socket(); s.bind(("", 8084)); s.listen(1); time.sleep(600)'
      const end = await lab.listen('db', ['python3', '-c', listener], 8084)
      const address = await lab.address('db', 'front')
      const caller = [
        'import socket, time',
        's = [socket.socket() for i in range(4)]',
        `[(c.setblocking(False), c.connect_ex(("${address}", 8084))) for c in s]`,
        'l = socket.socket(); l.bind(("127.0.0.1", 8999)); l.listen()',
        'time.sleep(600)',
      ].join('\n')
      const hangUp = await lab.listen('web', ['python3', '-c', caller], 8999)
      await new Promise(resolve => setTimeout(resolve, 100))
      return async () => {
        hangUp()
        end()
        await lab.listen('db', ['busybox', 'httpd', '-f', '-p', '0.0.0.0:8084'], 8084)
      }
    },
  },
  {
    name: 'alias known on another network only',
    ask: ['web', 'database:80'],
    code: 'name-unknown',
    async break(lab) {
      const { networks } = lab.daemon.client
      return async () => {
        await networks.disconnect('front', 'named')
        await networks.connect('front', 'named', { Aliases: ['database'] })
      }
    },
  },
  {
    name: 'DNS server dead',
    ask: DB,
    code: 'dns-server-dead',
    break: lab => drops(lab, 'web', 'ip', 'output', 'ip daddr 127.0.0.11 drop', '-300'),
  },
  {
    name: 'stale /etc/resolv.conf',
    ask: DB,
    code: 'dns-not-embedded',
    async break(lab) {
      await lab.shell('web', 'cp /etc/resolv.conf /saved && echo nameserver 10.231.77.77 > /etc/resolv.conf')
      return () => lab.shell('web', 'cat /saved > /etc/resolv.conf')
    },
  },
  {
    name: 'wrong entry in /etc/hosts',
    ask: DB,
    code: 'dns-wrong-answer',
    async break(lab) {
      await lab.shell('web', 'cp /etc/hosts /saved && echo 10.231.1.77 db >> /etc/hosts')
      return () => lab.shell('web', 'cat /saved > /etc/hosts')
    },
  },
  {
    name: 'icc off',
    ask: ['apart-1', 'apart-2:80'],
    code: 'icc-disabled',
    async break(lab) {
      return async () => {
        await lab.daemon.client.networks.connect('front', 'apart-1')
        await lab.daemon.client.networks.connect('front', 'apart-2')
        await lab.daemon.client.networks.disconnect('apart', 'apart-1')
      }
    },
  },
  {
    name: 'routes removed in the source',
    ask: DB,
    code: 'no-route',
    break: lab => noRoutes(lab, 'web', FRONT, GATEWAY),
  },
  {
    name: 'routes removed in the target',
    ask: ['web', 'lone:80'],
    code: 'no-route',
    break: lab => noRoutes(lab, 'lone', FRONT, GATEWAY),
  },
  {
    name: 'black hole route in the source',
    ask: DB,
    code: 'no-route',
    async break(lab) {
      const address = await lab.address('db', 'front')
      await lab.within('web', 'ip', 'route', 'add', 'blackhole', `${address}/32`)
      return () => lab.within('web', 'ip', 'route', 'del', 'blackhole', `${address}/32`)
    },
  },
  {
    name: 'address taken off the target',
    ask: ['web', 'lone:80'],
    code: 'no-address',
    async break(lab) {
      const address = await lab.address('lone', 'front')
      await lab.within('lone', 'ip', 'addr', 'del', `${address}/24`, 'dev', 'eth0')
      return async () => {
        await lab.within('lone', 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0')
        await lab.within('lone', 'ip', 'route', 'replace', 'default', 'via', GATEWAY)
      }
    },
  },
  { name: 'link down in the source', ask: DB, code: 'link-down', break: lab => downInside(lab, 'web', GATEWAY) },
  {
    name: "host's end of the wire down",
    ask: DB,
    code: 'link-down',
    async break(lab) {
      const port = await lab.port('db', 'front')
      lab.host('ip', 'link', 'set', port, 'down')
      return () => lab.host('ip', 'link', 'set', port, 'up')
    },
  },
  {
    name: 'bridge down',
    ask: DB,
    code: 'link-down',
    async break(lab) {
      const bridge = await lab.bridge('front')
      lab.host('ip', 'link', 'set', bridge, 'down')
      return () => lab.host('ip', 'link', 'set', bridge, 'up')
    },
  },
  {
    name: 'bridge removed',
    ask: ['gone-1', 'gone-2:80'],
    code: 'bridge-missing',
    async break(lab) {
      const bridge = await lab.bridge('gone')
      const ports = await Promise.all(['gone-1', 'gone-2'].map(name => lab.port(name, 'gone')))
      lab.host('ip', 'link', 'del', bridge)
      return () => {
        lab.host('ip', 'link', 'add', bridge, 'type', 'bridge')
        lab.host('ip', 'addr', 'add', '10.231.4.1/24', 'dev', bridge)
        lab.host('ip', 'link', 'set', bridge, 'up')
        for (const port of ports) lab.host('ip', 'link', 'set', port, 'master', bridge)
      }
    },
  },
  {
    name: 'wire taken off the bridge',
    ask: DB,
    code: 'link-missing',
    async break(lab) {
      const port = await lab.port('db', 'front')
      lab.host('ip', 'link', 'set', port, 'nomaster')
      const bridge = await lab.bridge('front')
      return () => lab.host('ip', 'link', 'set', port, 'master', bridge)
    },
  },
  {
    name: 'MTU black hole',
    ask: DB,
    code: 'mtu-too-big',
    async break(lab) {
      const port = await lab.port('db', 'front')
      lab.host('ip', 'link', 'set', port, 'mtu', '1000')
      return () => lab.host('ip', 'link', 'set', port, 'mtu', '1500')
    },
  },
  {
    name: 'drop in a foreign table of the bridge family',
    ask: DB,
    code: 'filter-drop',
    break: lab => drops(lab, 'the host', 'bridge', 'forward', 'tcp dport 80 drop'),
  },
  {
    name: 'drop at input of the target',
    ask: DB,
    code: 'filter-drop',
    break: lab => drops(lab, 'db', 'inet', 'input', 'tcp dport 80 drop'),
  },
  {
    name: 'drop at output of the source',
    ask: DB,
    code: 'filter-drop',
    break: lab => drops(lab, 'web', 'ip', 'output', 'tcp dport 80 drop'),
  },
  {
    name: 'drop of the answers at output of the target',
    ask: DB,
    code: 'filter-drop',
    break: lab => drops(lab, 'db', 'inet', 'output', 'tcp sport 80 drop'),
  },
  {
    name: 'static address clash',
    ask: DB,
    code: 'address-clash',
    async break(lab) {
      const address = await lab.address('db', 'front')
      const bridge = await lab.bridge('front')
      const { machines } = lab
      lab.host('ip', 'link', 'add', 'twin', 'type', 'veth', 'peer', 'name', 'twin0', 'netns', machines.name('client'))
      lab.host('ip', 'link', 'set', 'twin', 'master', bridge, 'up')
      machines.on('client', ['ip', 'addr', 'add', `${address}/24`, 'dev', 'twin0'])
      machines.on('client', ['ip', 'link', 'set', 'twin0', 'up'])
      // A link that just came up carries nothing until the kernel has looked at its carrier.
      await until('the twin answers', () => {
        const links = ['ip', '-o', 'link', 'show', 'twin0']
        return machines.on('client', links).stdout.includes('state UP') &&
          lab.host('ip', '-o', 'link', 'show', 'twin').includes('state UP')
          ? true
          : undefined
      })
      return async () => {
        lab.host('ip', 'link', 'del', 'twin')
        await lab.within('web', 'ip', 'neigh', 'flush', 'dev', 'eth0')
      }
    },
  },
  {
    name: 'wrong permanent neighbour entry',
    ask: DB,
    code: 'neighbour-failed',
    async break(lab) {
      const address = await lab.address('db', 'front')
      await lab.within('web', 'ip', 'neigh', 'replace', address, 'lladdr', NOBODY, 'dev', 'eth0', 'nud', 'permanent')
      return () => lab.within('web', 'ip', 'neigh', 'del', address, 'dev', 'eth0')
    },
  },
  {
    name: 'strict rp_filter in the target with a route back elsewhere',
    ask: DB,
    code: 'rp-filter',
    async break(lab) {
      const address = await lab.address('web', 'front')
      await lab.within('db', 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1')
      await lab.within('db', 'ip', 'route', 'add', `${address}/32`, 'dev', await lab.device('db', 'back'))
      return async () => {
        await lab.within('db', 'ip', 'route', 'del', `${address}/32`)
        await lab.within('db', 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0')
      }
    },
  },
  {
    name: 'route back elsewhere',
    ask: DB,
    code: 'route-elsewhere',
    async break(lab) {
      const address = await lab.address('web', 'front')
      await lab.within('db', 'ip', 'route', 'add', `${address}/32`, 'dev', await lab.device('db', 'back'))
      return () => lab.within('db', 'ip', 'route', 'del', `${address}/32`)
    },
  },
  {
    name: 'source paused',
    ask: DB,
    code: 'source-paused',
    async break(lab) {
      await lab.daemon.client.containers.pause('web')
      return () => lab.daemon.client.containers.unpause('web')
    },
  },
  {
    name: 'source stopped',
    ask: DB,
    code: 'source-not-running',
    async break(lab) {
      await lab.daemon.client.containers.stop('web')
      return () => lab.daemon.client.containers.start('web')
    },
  },
]

/** Where names are not served, or nothing is. */
export const NAMELESS: Fault[] = [
  {
    name: 'the default network serves no names',
    ask: ['plain-1', 'plain-2:80'],
    code: 'dns-not-embedded',
    async break(lab) {
      return async () => {
        await lab.daemon.client.networks.connect('front', 'plain-1')
        await lab.daemon.client.networks.connect('front', 'plain-2')
      }
    },
  },
  {
    name: 'nobody has the name',
    ask: ['web', 'databse:80'],
    healthy: DB,
    code: 'target-not-found',
    async break() {
      return () => {}
    },
  },
  {
    name: 'upstream DNS dead',
    ask: ['asker', 'api.example.test:80'],
    healthy: ['asker', 'db:80'],
    code: 'dns-server-dead',
    async break() {
      return () => {}
    },
  },
  {
    name: 'a name for one that shares the network of another',
    ask: ['db', 'sidecar'],
    healthy: ['db', 'web'],
    code: 'name-unknown',
    async break() {
      return () => {}
    },
  },
  {
    name: 'network none',
    ask: ['nowhere', 'db:80'],
    healthy: DB,
    code: 'no-network',
    async break() {
      return () => {}
    },
  },
  {
    name: 'nothing bound to the UDP port',
    ask: ['web', 'db:8099/udp'],
    code: 'not-listening',
    async break(lab) {
      return () => lab.listen('db', ['nc', '-u', '-l', '-k', '-p', '8099'], 8099, 'u')
    },
  },
]

/** Between a container, the host and another machine. @param out address of that machine */
export const beyond = (out: string): Fault[] => [
  {
    name: 'internal network',
    ask: ['inner', `${out}:9000`],
    code: 'internal-network',
    async break(lab) {
      return () => lab.daemon.client.networks.connect('front', 'inner')
    },
  },
  {
    name: 'macvlan keeps the host from its containers',
    ask: ['host', 'lan-2:80'],
    healthy: ['internet', 'lan-2:80'],
    code: 'host-unreachable',
    async break() {
      return () => {}
    },
  },
  {
    name: 'macvlan keeps containers from their host',
    ask: ['lan-1', 'host:9100'],
    healthy: ['lan-1', `${out}:9000`],
    code: 'host-unreachable',
    async break() {
      return () => {}
    },
  },
  {
    name: 'egress policy',
    ask: ['limited', `${out}:9000`],
    healthy: ['allowed', `${out}:9000`],
    code: 'egress-denied',
    async break() {
      return () => {}
    },
  },
  {
    name: 'host firewall drops at forward',
    ask: ['web', `${out}:9000`],
    code: 'filter-drop',
    break: lab => drops(lab, 'the host', 'inet', 'forward', `ip daddr ${out} drop`, 'filter - 5'),
  },
  {
    name: 'host firewall drops at input',
    ask: ['web', 'host:9100'],
    code: 'filter-drop',
    break: lab => drops(lab, 'the host', 'inet', 'input', 'tcp dport 9100 drop'),
  },
  {
    name: 'host firewall drops at prerouting',
    ask: ['web', `${out}:9000`],
    code: 'filter-drop',
    break: lab => drops(lab, 'the host', 'ip', 'prerouting', 'tcp dport 9000 drop', 'raw'),
  },
  {
    name: 'ip_forward off',
    ask: ['web', `${out}:9000`],
    code: 'forwarding-off',
    async break(lab) {
      lab.host('sysctl', '-qw', 'net.ipv4.ip_forward=0')
      return () => lab.host('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    },
  },
  {
    name: 'subnet overlaps a route of the host',
    ask: ['host', 'lone:80'],
    code: 'subnet-overlap',
    async break(lab) {
      const address = await lab.address('lone', 'front')
      lab.host('ip', 'route', 'add', `${address}/32`, 'dev', 'eth0')
      return () => lab.host('ip', 'route', 'del', `${address}/32`)
    },
  },
  {
    name: 'a route of the host takes the answers elsewhere',
    ask: ['web', 'host:9100'],
    code: 'subnet-overlap',
    async break(lab) {
      const address = await lab.address('web', 'front')
      lab.host('ip', 'route', 'add', `${address}/32`, 'dev', 'eth0')
      return () => lab.host('ip', 'route', 'del', `${address}/32`)
    },
  },
  {
    name: 'strict rp_filter of the host with a route elsewhere',
    ask: ['web', `${out}:9000`],
    code: 'rp-filter',
    async break(lab) {
      const address = await lab.address('web', 'front')
      lab.host('ip', 'route', 'add', `${address}/32`, 'dev', 'eth0')
      lab.host('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1')
      return () => {
        lab.host('ip', 'route', 'del', `${address}/32`)
        lab.host('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0')
      }
    },
  },
  {
    name: 'port taken by a program of the host',
    ask: ['internet', 'taker:8090'],
    code: 'port-taken',
    async break(lab) {
      const end = await lab.listen('the host', ['busybox', 'httpd', '-f', '-p', '8090'], 8090)
      await lab.daemon.client.containers.start('taker').catch(() => {})
      return async () => {
        end()
        await new Promise(resolve => setTimeout(resolve, 100))
        await lab.daemon.client.containers.start('taker')
        await lab.serves('taker')
      }
    },
  },
  {
    name: 'published on 127.0.0.1 only',
    ask: ['internet', 'local:8091'],
    healthy: ['host', 'local:8091'],
    code: 'published-on-loopback',
    async break() {
      return () => {}
    },
  },
  {
    name: 'port not published',
    ask: ['internet', 'lone:80'],
    healthy: ['internet', 'db:8080'],
    code: 'port-not-published',
    async break() {
      return () => {}
    },
  },
  {
    name: "the engine's own rules flushed",
    ask: ['internet', 'db:8080'],
    code: 'filter-missing',
    async break(lab) {
      lab.host('nft', 'flush', 'ruleset')
      return () => new Promise(resolve => setTimeout(resolve, 5000))
    },
  },
  {
    name: 'the host firewall drops a published port',
    ask: ['internet', 'db:8080'],
    code: 'filter-drop',
    break: lab => drops(lab, 'the host', 'inet', 'forward', 'tcp dport 80 drop'),
  },
]

/** Everything that the faults are about. */
export async function furnish(lab: FaultLab): Promise<void> {
  lab.host('ip', 'route', 'add', 'default', 'via', lab.client.address)
  await lab.network('front', FRONT)
  await lab.network('back', '10.231.2.0/24')
  await lab.network('apart', '10.231.3.0/24', { icc: false })
  await lab.network('gone', '10.231.4.0/24')
  await lab.daemon.client.networks.create({
    Name: 'six',
    EnableIPv4: false,
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: 'fd00:231::/64' }] },
  })
  await lab.daemon.client.networks.create({
    Name: 'lan',
    Driver: 'macvlan',
    Options: { parent: 'eth0' },
    IPAM: { Config: [{ Subnet: '10.213.0.0/24', IPRange: '10.213.0.64/26', Gateway: lab.client.address }] },
  })
  await lab.network('inner', '10.231.5.0/24', { internal: true })
  const sleep = ['sleep', '1000']
  const publish = (HostIp: string, HostPort: string) => ({
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp, HostPort }] } },
  })
  const broken = `${lab.flags}:/flags`
  const twin = (number: number) =>
    lab.container(`twin-${number}`, ['front'], SERVE, {
      Labels: { 'com.docker.compose.project': 'p', 'com.docker.compose.service': 'twin' },
      HostConfig: { Binds: [broken], NetworkMode: 'front' },
      ...(number === 1 && {
        Healthcheck: {
          Test: ['CMD-SHELL', 'test ! -f /flags/sick'],
          Interval: 200_000_000,
          Retries: 1,
        },
      }),
      NetworkingConfig: { EndpointsConfig: { front: { Aliases: ['twin'] } } },
    })
  const limited = (name: string, policy: string) =>
    lab.container(name, ['front'], sleep, {
      HostConfig: { NetworkMode: 'front', Annotations: { 'berth.egress': policy } },
    })
  await lab.container('web', ['front'], sleep)
  await Promise.all([
    lab.container('db', ['front', 'back'], SERVE, publish('', '8080')),
    lab.container('lone', ['front']),
    lab.container('named', ['front']),
    lab.container('sidecar', ['container:web'], sleep),
    lab.container('hosted', ['host'], sleep),
    lab.container('plain-1', ['bridge'], sleep),
    lab.container('plain-2', ['bridge']),
    lab.container('six-1', ['six'], sleep),
    lab.container('six-2', ['six']),
    lab.container('lan-1', ['lan'], sleep),
    lab.container('lan-2', ['lan']),
    lab.container('nowhere', ['none'], sleep),
    lab.container('loner', ['back', 'front'], sleep),
    lab.container('apart-1', ['apart'], sleep),
    lab.container('apart-2', ['apart']),
    lab.container('gone-1', ['gone'], sleep),
    lab.container('gone-2', ['gone']),
    lab.container('inner', ['inner'], sleep),
    limited('limited', 'allow=10.0.0.0/24'),
    limited('allowed', `allow=${lab.client.address}:9000`),
    lab.container('asker', ['front'], sleep, { HostConfig: { NetworkMode: 'front', Dns: ['10.213.0.77'] } }),
    lab.container('local', ['front'], SERVE, publish('127.0.0.1', '8091')),
    lab.container('looper', ['front'], ['sh', '-c', 'test -f /flags/broken && exit 1; exec httpd -f -p 80'], {
      HostConfig: { Binds: [broken], RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } },
    }),
    twin(1),
    twin(2),
    lab.daemon.client.containers.create({ Image: 'busybox', Cmd: SERVE, ...publish('', '8090') }, { name: 'taker' }),
  ])
  await lab.daemon.client.networks.connect('back', 'named', { Aliases: ['database'] })
  for (const name of [
    'db',
    'named',
    'lone',
    'apart-2',
    'gone-2',
    'local',
    'looper',
    'twin-1',
    'twin-2',
    'plain-2',
    'six-2',
  ])
    await lab.serves(name)
  await lab.listen('the client', ['busybox', 'httpd', '-f', '-p', '9000'], 9000)
  await lab.listen('the host', ['busybox', 'httpd', '-f', '-p', '9100'], 9100)
  await lab.listen('db', ['nc', '-u', '-l', '-k', '-p', '8086'], 8086, 'u')
}
