import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Explanation } from '#model/explain.ts'
import { inside } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { run } from '../support/tools.ts'
import { ComposeProject, STAYS } from './compose-project.ts'

let machines: Machines
let daemon: TestDaemon
before(async () => {
  machines = new Machines()
  machines.add('client')
  machines.add('other')
  daemon = new TestDaemon([], { netns: machines.path() })
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await daemon.dispose()
  machines.remove()
})

/** What a shell line in a service's first container says; through the API, as no process of ours is under test. */
async function sh(project: ComposeProject, service: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await inside(daemon, `${project.name}-${service}-1`, 'sh', '-c', line)
  assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
  return stdout.trim()
}

const SERVER = JSON.stringify([
  'sh',
  '-c',
  "trap 'exit 0' TERM; httpd -p 80 -h /etc; while :; do sleep 1000 & wait; done",
])

const file = (egress: string, icc = 'true') => `
services:
  web: { image: busybox, command: ${SERVER}, expose: ["80"], networks: [front, shy] }
  free: { image: busybox, command: ${STAYS}, networks: [front] }
  fenced: { image: busybox, command: ${STAYS}, networks: [front], x-berth-egress: [${egress}] }
  database: { image: busybox, command: ${SERVER}, expose: ["80"], networks: [back] }
  shy: { image: busybox, command: ${STAYS}, networks: [shy] }
networks:
  front: { x-other: ignored }
  back: { internal: true }
  shy: { driver_opts: { com.docker.network.bridge.enable_icc: "${icc}" } }
`

test('x-berth-egress holds; a change of it, or of a network, makes anew what it concerns and nothing else', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': file('10.213.0.2') })
  await project.ok('up', '-d')
  const ping = async (service: string, address: string) =>
    (await inside(daemon, `${project.name}-${service}-1`, 'ping', '-c', '1', '-W', '1', address)).code === 0
  const all = () =>
    Promise.all([ping('free', '10.213.0.3'), ping('fenced', '10.213.0.2'), ping('fenced', '10.213.0.3')])
  assert.deepEqual(await all(), [true, true, false])

  const first = await project.ids()
  await project.ok('up', '-d')
  assert.deepEqual(await project.ids(), first)
  project.write('compose.yaml', file('10.213.0.3'))
  await project.ok('up', '-d')
  assert.deepEqual(await all(), [true, false, true])
  const second = await project.ids()
  const changed = (before: Record<string, string>, now: Record<string, string>) =>
    Object.keys(now)
      .filter(name => before[name] !== now[name])
      .map(name => name.slice(project.name.length + 1))
  assert.deepEqual(changed(first, second), ['fenced-1'])

  const networkIds = async () =>
    Object.fromEntries((await daemon.client.networks.list()).map(one => [one.Name, one.Id]))
  const before = await networkIds()
  project.write('compose.yaml', file('10.213.0.3', 'false'))
  await project.ok('up', '-d')
  assert.deepEqual(changed(second, await project.ids()), ['shy-1', 'web-1'])
  const now = await networkIds()
  assert.deepEqual(
    Object.keys(now).filter(name => now[name] !== before[name]),
    [`${project.name}_shy`],
  )
})

test('what compose explain says of the file is what network explain finds of the running project', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': file('10.213.0.2', 'false') })
  await project.ok('up', '-d')
  const pairs = [
    ...['free web:80', 'web database:80', 'shy web:80', 'database 10.213.0.2', 'fenced 10.213.0.3:80'],
    ...['internet web:80', 'web web:80'],
  ]
  const codes: Record<string, (string | undefined)[]> = {}
  for (const pair of pairs) {
    const [from, to] = pair.split(' ') as [string, string]
    const real = (name: string) => (/^(internet|\d)/.test(name) ? name : name.replace(/^\w+/, `${project.name}-$&-1`))
    const said = await project.run('explain', '--format', 'json', from, to)
    const found = await run(daemon, 'berth', ['network', 'explain', '--format', 'json', real(from), real(to)])
    const verdicts = [said, found].map(output => JSON.parse(output.stdout) as Explanation)
    assert.equal(verdicts[0]!.verdict, verdicts[1]!.verdict, `${pair}\n${said.stdout}${found.stdout}`)
    assert.equal(said.code, found.code, pair)
    codes[pair] = verdicts.map(one => one.cause?.code)
  }
  for (const [pair, [said, found]] of Object.entries(codes)) assert.equal(said, found, pair)
})

test('network map draws what runs: terminal, SVG, JSON, one project', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': file('10.213.0.2', 'false') })
  await project.ok('up', '-d', '--scale', 'free=2')
  const { name, directory } = project
  const map = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(daemon, 'berth', ['network', 'map', '--project', name, ...args])
    assert.equal(code, 0, stderr)
    return stdout
  }
  const text = await map()
  assert.match(text, new RegExp(`${name}_back +bridge +[\\d./]+ +internal`))
  assert.match(text, new RegExp(`${name}_shy +bridge +[\\d./]+ +no icc`))
  assert.match(text, new RegExp(`●[─┼]+● +${name}-web-1 +running +172`))
  assert.match(text, /free ×2: 2 serving, the name is one virtual address/)
  const { reaches } = JSON.parse(await map('--format', 'json')) as { reaches: Record<string, Record<string, string>> }
  assert.equal(reaches[`${name}-free-1`]![`${name}-web-1`], 'network')
  assert.equal(reaches[`${name}-shy-1`]![`${name}-web-1`], undefined)
  assert.equal(reaches[`${name}-web-1`]![`${name}-database-1`], undefined)
  assert.equal(await map('--svg', join(directory, 'map.svg')), '')
  assert.match(readFileSync(join(directory, 'map.svg'), 'utf8'), new RegExp(`data-name="${name}-web-1"[^]*</svg>\n$`))
  assert.match(await map('--format', 'svg'), /^<\?xml/)
  const nobody = await run(daemon, 'berth', ['network', 'map', '--project', 'nope'])
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /no container or network of project nope/)
})

test('the settings of an attachment and of name look-ups reach the container', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  all:
    image: busybox
    command: ${STAYS}
    hostname: www
    domainname: example.com
    networks:
      two: { gw_priority: 5 }
      one:
        aliases: [other.name]
        ipv4_address: 10.71.0.9
        ipv6_address: "fd00:71::9"
        mac_address: 02:42:0a:47:00:09
        priority: 1000
    extra_hosts: ["a=10.0.0.1", "b:10.0.0.2", "c=[fd00::3]", "host.docker.internal=host-gateway"]
    dns_search: [example.com]
    dns_opt: ["ndots:3"]
    links: ["peer:friend"]
    external_links: ["outsider:stranger"]
    expose: ["3000-3001"]
    ports: [{ target: 80, published: "8090-8095", host_ip: 127.0.0.1, mode: host, name: web, app_protocol: http }]
  peer: { image: busybox, command: ${STAYS}, networks: [one] }
  shares: { image: busybox, command: ${STAYS}, network_mode: "service:all" }
  old: { image: busybox, command: ${STAYS}, network_mode: bridge }
  older: { image: busybox, command: ${STAYS}, network_mode: bridge, links: ["old:elder"] }
  hosted: { image: busybox, command: ${STAYS}, network_mode: host }
  lonely: { image: busybox, command: ${STAYS}, network_mode: none }
networks:
  one: { enable_ipv6: true, ipam: { config: [{ subnet: 10.71.0.0/24 }, { subnet: "fd00:71::/64" }] } }
  two: { ipam: { config: [{ subnet: 10.72.0.0/24, gateway: 10.72.0.254, aux_addresses: { printer: 10.72.0.2 } }] } }
`,
  })
  await run(daemon, 'berth', ['network', 'create', 'for_outsider'])
  await project.ok('create')
  await run(daemon, 'berth', [
    'run',
    '-d',
    '--name',
    'outsider',
    '--network',
    'for_outsider',
    'busybox',
    'sleep',
    '1000',
  ])
  await run(daemon, 'berth', ['network', 'connect', `${project.name}_one`, 'outsider'])
  try {
    await project.ok('up', '-d')
    const all = await project.inspect('all')
    const one = all.NetworkSettings.Networks[`${project.name}_one`]!
    assert.deepEqual(
      [one.IPAddress, one.GlobalIPv6Address, one.MacAddress],
      ['10.71.0.9', 'fd00:71::9', '02:42:0a:47:00:09'],
    )
    assert.equal(all.HostConfig.NetworkMode, `${project.name}_one`)
    assert.match(await sh(project, 'all', 'ip route'), /default via 10\.72\.0\.254/)
    const hosts = await sh(project, 'all', 'cat /etc/hosts')
    for (const line of [
      /10\.0\.0\.1\s+a/,
      /10\.0\.0\.2\s+b/,
      /fd00::3\s+c/,
      /\shost\.docker\.internal/,
      /\swww\.example\.com/,
    ]) {
      assert.match(hosts, line)
    }
    assert.match(await sh(project, 'all', 'cat /etc/resolv.conf'), /search example\.com[^]*ndots:3/)
    for (const name of ['friend', 'stranger', 'peer']) {
      assert.match(await sh(project, 'all', `ping -c 1 -W 2 ${name}`), /1 packets received/)
    }
    assert.match(await sh(project, 'peer', 'ping -c 1 -W 2 other.name'), /1 packets received/)
    assert.match(await sh(project, 'shares', 'ip addr'), /10\.71\.0\.9/)
    // Its namespace goes with the container that lent it.
    project.write('compose.override.yaml', 'services: { all: { environment: [CHANGED=1] } }')
    await project.ok('up', '-d', '-t', '0')
    assert.match(await sh(project, 'shares', 'ip addr'), /10\.71\.0\.9/)
    assert.match(await sh(project, 'older', 'ping -c 1 -W 2 elder'), /1 packets received/)
    assert.match(await sh(project, 'hosted', 'ip addr'), /10\.213\.0\.1/)
    assert.equal(await sh(project, 'lonely', 'ls /sys/class/net'), 'lo')
    assert.match((await project.ok('port', 'all', '80')).stdout, /^127\.0\.0\.1:809[0-5]$/m)
    assert.ok('3001/tcp' in all.Config.ExposedPorts!)
  } finally {
    await run(daemon, 'berth', ['rm', '-f', 'outsider'])
  }
})
