import { drops, type Fault } from './fault.ts'

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
