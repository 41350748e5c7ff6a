import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../tools.ts'
import { DB, NOBODY, FRONT, GATEWAY, drops, downInside, noRoutes, type Fault } from './fault.ts'

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
