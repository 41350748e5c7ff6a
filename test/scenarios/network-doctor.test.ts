/** `network doctor` and `network capture` on a machine of their own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import type { DoctorCheck } from '#model/doctor.ts'
import { SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'

let machines: Machines
let daemon: TestDaemon

before(async () => {
  machines = new Machines()
  machines.add('client')
  const code = machines.on('host', ['ip', 'route', 'add', 'default', 'via', '10.213.0.2']).code
  assert.equal(code, 0)
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
  await started(daemon, 'web', ['sh', '-c', 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp'], {
    ExposedPorts: { '80/tcp': {}, '81/tcp': {} },
    HostConfig: {
      PortBindings: {
        '80/tcp': [{ HostIp: '', HostPort: '8080' }],
        '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }],
      },
    },
  })
})
after(async () => {
  try {
    await daemon.dispose()
  } finally {
    machines.remove()
  }
})
afterEach(() => {
  for (const family of ['inet', 'ip']) machines.on('host', ['nft', 'delete', 'table', family, 'filter'])
  machines.on('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=1'])
})

const nft = (rules: string) => {
  const { code, stderr } = machines.on('host', ['nft', '-f', '-'], { input: rules })
  assert.equal(code, 0, stderr)
}
const fetched = (seconds = 5) => {
  const { stdout } = machines.on('client', ['curl', '-s', '-m', String(seconds), `http://${machines.address}:8080/`])
  return stdout === 'hello\n'
}
async function checkOf(name: string): Promise<DoctorCheck> {
  const { checks } = await daemon.client.networks.doctor()
  const check = checks.find(one => one.check === name)
  assert.ok(check, `${name} among ${checks.map(one => one.check).join(', ')}`)
  return check
}
const run = (command: string) => machines.on('host', ['sh', '-c', command])

test('a host without a firewall has nothing in the way', async () => {
  assert.ok(fetched())
  const { code, stdout } = daemon.berth('network', 'doctor')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /^CHECK +STATUS +DETAIL\n/)
  assert.match(stdout, /port 8080\/tcp +ok +0\.0\.0\.0:8080 of web is reachable from outside/)
  assert.match(stdout, /port 8081\/tcp +ok +127\.0\.0\.1:8081 of web is for this machine only/)
  assert.match(stdout, /egress of bridge +ok /)
})

const FIREWALLS: [name: string, rules: string, port: RegExp, fix: RegExp][] = [
  [
    'plain nftables',
    `table inet filter {
      chain input { type filter hook input priority 0; policy accept; }
      chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; }
    }`,
    /dropped by "policy drop" in chain forward of table inet filter/,
    /^nft insert rule inet filter forward ip daddr /,
  ],
  [
    'one without an exception for answers',
    `table inet filter {
      chain forward { type filter hook forward priority 0; policy drop; tcp dport 80 accept; }
    }`,
    /answers of .* are dropped by "policy drop" in chain forward/,
    /^nft insert rule inet filter forward ct state established,related accept/,
  ],
  [
    'ufw',
    `table ip filter {
      chain ufw-user-forward { }
      chain ufw-before-forward { ct state related,established accept; jump ufw-user-forward; }
      chain ufw-skip-to-policy-forward { drop; }
      chain FORWARD { type filter hook forward priority 0; policy drop; counter jump ufw-before-forward; jump ufw-skip-to-policy-forward; }
    }`,
    /dropped by "drop" in chain ufw-skip-to-policy-forward of table ip filter \(handle \d+\)/,
    /^ufw route allow proto tcp from any to \S+ port 80$/,
  ],
  [
    'iptables',
    `iptables-nft -P FORWARD DROP
    iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
    /dropped by "policy drop" in chain FORWARD of table ip filter/,
    /^iptables -I FORWARD -d \S+ -p tcp --dport 80 -j ACCEPT$/,
  ],
  [
    'a rule of prerouting',
    `table ip filter {
      chain early { type filter hook prerouting priority raw; policy accept; iifname "eth0" tcp dport 8000-8999 drop comment "no web"; }
    }`,
    /dropped by ".*tcp dport 8000-8999 drop" \(no web\) in chain early/,
    /^nft insert rule ip filter early tcp dport 8080 accept/,
  ],
]

for (const [name, rules, detail, fix] of FIREWALLS) {
  test(`${name} stands in the way of a published port, and its command lets it pass`, async () => {
    if (rules.startsWith('iptables')) assert.equal(run(rules).code, 0)
    else nft(rules)
    assert.equal(fetched(1), false)
    const check = await checkOf('port 8080/tcp')
    assert.equal(check.status, 'fail')
    assert.match(check.detail, detail)
    assert.match(check.fix, fix)
    assert.equal((await daemon.client.networks.doctor()).problems > 0, true)
    if (check.fix.startsWith('ufw')) return
    const { code, stderr } = run(check.fix)
    assert.equal(code, 0, stderr)
    assert.equal((await checkOf('port 8080/tcp')).status, 'ok')
    assert.ok(fetched())
  })
}

test('egress, forwarding, a missing table and their commands', async () => {
  nft(`table inet filter {
    chain forward { type filter hook forward priority 0; iifname "berth*" drop; }
  }`)
  const egress = await checkOf('egress of bridge')
  assert.equal(egress.status, 'fail')
  assert.equal(egress.rule?.table, 'filter')
  assert.equal(run(egress.fix).code, 0)
  assert.equal((await checkOf('egress of bridge')).status, 'ok')

  run('sysctl -qw net.ipv4.ip_forward=0')
  const { code, stdout } = daemon.berth('network', 'doctor', '--quiet')
  assert.equal(code, 1)
  assert.match(stdout, /forwarding of IPv4 +fail/)
  assert.match(stdout, /mend forwarding of IPv4: sysctl -w net\.ipv4\.ip_forward=1/)
  const json = JSON.parse(daemon.berth('network', 'doctor', '--format', 'json').stdout) as { problems: number }
  assert.ok(json.problems >= 1)
})

test('an MTU above that of the way out, and a route that covers a network', async () => {
  await daemon.client.networks.create({
    Name: 'big',
    IPAM: { Config: [{ Subnet: '10.66.0.0/24' }] },
    Options: { 'com.docker.network.driver.mtu': '9000' },
  })
  await started(daemon, 'onbig', SLEEP, { HostConfig: { NetworkMode: 'big' } })
  assert.equal((await checkOf('MTU of big')).status, 'warn')
  assert.equal((await checkOf('subnet of big')).status, 'ok')
  run('ip route add 10.66.0.0/25 via 10.213.0.2')
  const overlap = await checkOf('subnet of big')
  assert.match(overlap.detail, /goes through eth0/)
  assert.equal(overlap.status, 'fail')
  run('ip route del 10.66.0.0/25')
  await daemon.client.containers.remove('onbig', { force: true })
})

test('a capture holds the packets of a container that has no tcpdump', async () => {
  const file = join(daemon.directory, 'web.pcap')
  const capture = spawn(
    process.execPath,
    ['src/cli/main.ts', 'network', 'capture', '-w', file, '-c', '3', 'web', 'tcp', 'port', '80'],
    { env: { ...process.env, BERTH_HOST: `unix://${daemon.socket}` }, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = once(capture, 'exit')
  // The file appears when recording has begun.
  while (!existsSync(file) && capture.exitCode === null) await new Promise(resolve => setTimeout(resolve, 20))
  assert.ok(fetched())
  assert.deepEqual(await ended, [0, null])
  const bytes = readFileSync(file)
  assert.equal(bytes.readUInt32LE(0), 0xa1b2c3d4)
  const read = machines.on('client', ['tcpdump', '-nr', file])
  assert.match(read.stdout, /> \S+\.80: Flags \[S\]/)
})

test('a bad filter is refused in the words of the tool, a filter is no option, and a stopped container has nothing', async () => {
  const { networks, containers } = daemon.client
  await assert.rejects(networks.capture('web', { filter: 'port eighty eighty' }), { kind: 'invalid' })
  await assert.rejects(networks.capture('web', { filter: '-w /tmp/berth-never' }), { kind: 'invalid' })
  assert.equal(existsSync('/tmp/berth-never'), false)
  await assert.rejects(networks.capture('web', { interface: 'eth9' }), { kind: 'invalid' })
  await assert.rejects(networks.capture('nobody', {}), { kind: 'not-found' })
  await containers.create({ Image: 'busybox', Cmd: SLEEP }, { name: 'idle' })
  await assert.rejects(networks.capture('idle', {}), { kind: 'conflict' })
  await containers.remove('idle')
})

test(
  'a capture ends with its container and when the client goes, and leaves no process',
  { timeout: 20_000 },
  async () => {
    const id = await started(daemon, 'short')
    const packets = await daemon.client.networks.capture('short', { format: 'text' })
    await daemon.client.containers.kill(id)
    for await (const _ of packets) continue
    const abort = new AbortController()
    await daemon.client.networks.capture('web', {}, abort.signal)
    const running = () => machines.on('host', ['pgrep', '-P', String(daemon.pid), 'tcpdump']).stdout.trim()
    assert.notEqual(running(), '')
    abort.abort()
    while (running() !== '') await new Promise(resolve => setTimeout(resolve, 50))

    const orphaned = await daemon.client.networks.capture('web', { filter: 'port 9' })
    orphaned.on('error', () => {})
    const [pid] = readdirSync(join(daemon.execRoot, 'captures'))
    await daemon.stop('SIGKILL')
    assert.ok(existsSync(`/proc/${pid}`))
    await daemon.start()
    while (existsSync(`/proc/${pid}`)) await new Promise(resolve => setTimeout(resolve, 50))
  },
)
