import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Explanation } from '#model/explain.ts'
import { FaultLab, SERVE } from '../support/fault-lab.ts'

/** The whole of the faults is in `test/soak/explain.soak.ts`; this is the command, and a few of each kind. */
const lab = new FaultLab()

before(async () => {
  await lab.daemon.start()
  await lab.daemon.loadBusybox()
  await lab.network('front', '10.232.1.0/24')
  const labels = (service: string) => ({
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': service,
  })
  await lab.container('shop-web-1', ['front'], ['sleep', '1000'], { Labels: labels('web') })
  await lab.container('shop-db-1', ['front'], SERVE, {
    Labels: labels('db'),
    NetworkingConfig: { EndpointsConfig: { front: { Aliases: ['db'] } } },
    HostConfig: { NetworkMode: 'front', PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
  })
  await lab.serves('shop-db-1')
})
after(() => lab.dispose())

const explained = (...args: string[]) => lab.daemon.berth('network', 'explain', ...args)

test('services that reach each other: every hop is looked at, exit code 0', () => {
  const { code, stdout, stderr } = explained('web', 'db:80')
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^web (→|->) db:80\/tcp\n/)
  assert.match(stdout, /\nreachable\n$/)
  for (const subject of ['container shop-web-1', 'name db', 'wire of shop-db-1', 'packet filter of the host']) {
    assert.ok(stdout.includes(subject), `${subject}: ${stdout}`)
  }
})

test('addresses of its own and of a kind that it has none of', async () => {
  for (const [to, words] of [
    ['127.0.0.1:80', /\nreachable\n$/],
    ['[::1]:81', /blocked: nothing in shop-db-1 listens at port 81/],
    ['2001:db8::7', /blocked: shop-db-1 has no IPv6 address on front, and 2001:db8::7 is one/],
  ] as const) {
    assert.match(explained('shop-db-1', to).stdout, words, to)
  }
  await lab.daemon.client.networks.create({
    Name: 'six',
    EnableIPv4: false,
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: 'fd00:232::/64' }] },
  })
  await lab.container('six', ['six'], ['sleep', '1000'])
  const { stdout, stderr } = explained('six', 'internet:443')
  assert.match(stdout, /2001:db8::1/, stderr)
  assert.match(explained('six', '192.0.2.7').stdout, /six has no IPv4 address on six/)
})

test('a wrong port: exit code 1, the cause and what would be right', () => {
  const { code, stdout } = explained('web', 'db:5432')
  assert.equal(code, 1)
  assert.match(stdout, /blocked: nothing in shop-db-1 listens at port 5432\/tcp: it listens at 80\n/)
  assert.match(stdout, /\nat: {3}port 5432\/tcp in shop-db-1\n/)
})

test('a foreign firewall rule: the command that is named mends it', async () => {
  lab.host('nft', 'add table bridge ufw')
  lab.host('nft', 'add chain bridge ufw guard { type filter hook forward priority 0; }')
  lab.host('nft', 'add rule bridge ufw guard tcp dport 80 drop')
  const { code, stdout } = explained('web', 'db:80', '--format', 'json')
  assert.equal(code, 1)
  const { cause, verdict, hops } = JSON.parse(stdout) as Explanation
  assert.deepEqual([verdict, cause?.code], ['blocked', 'filter-drop'])
  assert.ok(hops.some(hop => hop.status === 'fail' && hop.subject === 'chain guard of table bridge ufw'))
  lab.host('sh', '-c', cause!.fix)
  assert.equal(explained('web', 'db:80').code, 0)
})

test('a link that is down: the command that is named mends it', async () => {
  const bridge = await lab.bridge('front')
  lab.host('ip', 'link', 'set', bridge, 'down')
  const { cause } = await lab.explain('web', 'db:80')
  assert.equal(cause?.code, 'link-down')
  lab.host('sh', '-c', cause.fix)
  assert.equal((await lab.explain('web', 'db:80')).verdict, 'reachable')
})

test('an egress policy: the command that is named mends it', async () => {
  await lab.container('limited', ['front'], ['sleep', '1000'], {
    HostConfig: { NetworkMode: 'front', Annotations: { 'berth.egress': 'allow=' } },
  })
  await lab.listen('the client', ['busybox', 'httpd', '-f', '-p', '9000'], 9000)
  const target = `${lab.client.address}:9000`
  const { cause } = await lab.explain('limited', target)
  assert.equal(cause?.code, 'egress-denied')
  const [, policy, name] = /^berth update --egress '(.*)' (\S+)$/.exec(cause.fix) ?? []
  assert.equal(lab.daemon.berth('update', '--egress', policy!, name!).code, 0)
  assert.equal((await lab.explain('limited', target)).verdict, 'reachable')
})

test('from the host and from outside by the published port', async () => {
  for (const from of ['host', 'internet']) assert.equal((await lab.explain(from, 'db:8080')).verdict, 'reachable')
  assert.equal((await lab.explain('internet', 'web:80')).cause?.code, 'port-not-published')
})

test('questions that cannot be asked', async () => {
  assert.equal(explained('web').code, 125)
  assert.equal(explained('web', 'db:99999').code, 125)
  const { code, stderr } = explained('nobody', 'db:80')
  assert.equal(code, 125)
  assert.match(stderr, /no such container: nobody/)
  await assert.rejects(lab.explain('host', 'internet'), /explain from host needs a container/)
})
