import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { inside } from '../support/containers.ts'
import { dockerClient } from '../support/daemon.ts'
import { Terminal } from '../support/pty.ts'
import { commandOf, environmentOf, ok, run, TOOLS, until, type Tool } from '../support/tools.ts'
import { ComposeProject } from '../scenarios/compose-project.ts'
import { GuideMachine } from './guide-machine.ts'
import { spawnSync } from 'node:child_process'

// The guide's parts "Docker Networking" and "Service Discovery": every Compose file (test/parity/guide, word for word)
// through `berth compose`, every command through `berth` and through the real `docker` client. Where a file has
// networks and no services, a second file gives it some.

const tools = TOOLS.filter(tool => tool === 'berth' || dockerClient)
const guide = new GuideMachine()
const { daemon } = guide
before(() => guide.start())
after(() => guide.dispose())

const file = (name: string) => readFileSync(new URL(`guide/${name}.yaml`, import.meta.url), 'utf8')

/** The guide's file as `docker-compose.yml`, and what is added to it. */
function project(name: string, override?: string): ComposeProject {
  return new ComposeProject(daemon, {
    'docker-compose.yml': file(name),
    ...(override === undefined ? {} : { 'docker-compose.override.yml': override }),
  })
}

/** What a shell line in a service's first container says; through the API, as no process of ours is under test. */
async function sh(project: ComposeProject, service: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await inside(daemon, `${project.name}-${service}-1`, 'sh', '-c', line)
  assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
  return stdout.trim()
}

const each = async (work: (tool: Tool) => Promise<void>) => {
  for (const tool of tools) await work(tool)
}

const services = (networks: string[]) =>
  `services:\n${networks.map(one => `  on_${one}: { image: 'node:14', networks: [${one}] }\n`).join('')}`

interface Inspected {
  NetworkSettings: { Networks: Record<string, { IPAddress: string; Gateway: string; Aliases: string[] | null }> }
}
const addressOf = async (container: string, network: string) => {
  const [one] = JSON.parse(await ok(daemon, 'berth', ['inspect', container])) as [Inspected]
  return one.NetworkSettings.Networks[network]!.IPAddress
}

test('network drivers: bridge and macvlan work, one host network is allowed, overlay needs a swarm', async () => {
  {
    await using plain = project('drivers')
    await plain.ok('config', '--quiet')
    await plain.refused(/no service selected/, 'up', '-d')
  }
  await using drivers = project('drivers', services(['default_bridge', 'direct_host', 'swarm_network']))
  await drivers.ok('up', '-d', 'on_default_bridge')
  const bridge = `${drivers.name}_default_bridge`
  await each(async tool => {
    assert.match(
      await ok(daemon, tool, ['network', 'ls']),
      new RegExp(`^[0-9a-f]{12}\\s+${bridge}\\s+bridge\\s+local$`, 'm'),
    )
  })
  await drivers.refused(/only one instance of "host" network is allowed/, 'up', '-d', 'on_direct_host')
  await drivers.refused(/This node is not a swarm manager/, 'up', '-d', 'on_swarm_network')
})

test('macvlan on eth0: containers reach each other on the wire', async () => {
  await using drivers = project('drivers', services(['virtual_devices']))
  await drivers.ok('up', '-d', '--scale', 'on_virtual_devices=2')
  const [network] = JSON.parse(
    await ok(daemon, 'berth', ['network', 'inspect', `${drivers.name}_virtual_devices`]),
  ) as [{ Driver: string; Options: Record<string, string> }]
  assert.deepEqual([network.Driver, network.Options['parent']], ['macvlan', 'eth0'])
  const peer = `${drivers.name}-on_virtual_devices-2`
  assert.match(await sh(drivers, 'on_virtual_devices', `ping -c 1 -W 3 ${peer}`), /1 packets received/)
})

test('network types: default, custom and external', async () => {
  await using types = project('types', `services: { other: { image: 'node:14' } }`)
  await types.refused(/network existing_backend_network declared as external, but could not be found/, 'up', '-d')
  await ok(daemon, 'berth', ['network', 'create', 'existing_backend_network'])
  await types.ok('up', '-d')
  await each(async tool => {
    const names = (await ok(daemon, tool, ['network', 'ls', '--format', '{{.Name}}'])).split('\n')
    for (const name of ['custom_frontend', 'existing_backend_network', `${types.name}_default`]) {
      assert.ok(names.includes(name), `${tool}: ${names.join(' ')}`)
    }
  })
  const { Networks } = (await types.inspect('database')).NetworkSettings
  assert.deepEqual(Object.keys(Networks), ['existing_backend_network'])
  await types.ok('down', '-t', '0')
  await each(async tool => {
    const names = (await ok(daemon, tool, ['network', 'ls', '--format', '{{.Name}}'])).split('\n')
    assert.ok(names.includes('existing_backend_network') && !names.includes('custom_frontend'))
  })
  await ok(daemon, 'berth', ['network', 'rm', 'existing_backend_network'])
})

test('network configuration: subnet, range, gateway, talk inside, a way out', async () => {
  await using configured = project('configuration', services(['app_network']))
  await configured.ok('up', '-d', '--scale', 'on_app_network=2')
  const network = `${configured.name}_app_network`
  await each(async tool => {
    const [shown] = JSON.parse(await ok(daemon, tool, ['network', 'inspect', network])) as [
      { IPAM: { Driver: string; Config: object[] }; Options: object; Containers: object },
    ]
    assert.deepEqual(shown.IPAM.Config, [
      { Subnet: '172.28.0.0/16', IPRange: '172.28.5.0/24', Gateway: '172.28.5.254' },
    ])
    assert.deepEqual(shown.Options, {
      'com.docker.network.bridge.default_bridge': 'false',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
    })
    assert.equal(Object.keys(shown.Containers).length, 2)
  })
  const other = `${configured.name}-on_app_network-2`
  assert.match(await addressOf(other, network), /^172\.28\.5\.\d+$/)
  assert.match(await sh(configured, 'on_app_network', 'ip route'), /default via 172\.28\.5\.254 /)
  assert.match(await sh(configured, 'on_app_network', `curl -s http://${other}:3000`), /^node /)
  assert.match(await sh(configured, 'on_app_network', 'ping -c 1 -W 2 10.213.0.2'), /1 packets received/)
})

test('network security: aliases, an internal network, nothing from outside', async () => {
  await using security = project('security')
  await security.ok('up', '-d')
  const { name } = security
  assert.match(await sh(security, 'api', 'curl -s http://web.internal:80'), /^nginx /)
  assert.match(await sh(security, 'database', 'curl -s http://web.internal'), /^nginx /)
  assert.match(await sh(security, 'web', 'curl -s http://api:3000'), /^node /)
  assert.match((await security.run('exec', '-T', 'api', 'ping', '-c', '1', 'web.local')).stderr, /bad address/)
  const outwards = await security.run('exec', '-T', 'api', 'ping', '-c', '1', '-W', '1', '10.213.0.2')
  assert.notEqual(outwards.code, 0)
  const inner = await addressOf(`${name}-web-1`, `${name}_internal`)
  guide.machines.on('client', ['ip', 'route', 'replace', `${inner}/32`, 'via', guide.machines.address])
  assert.equal(guide.fromClient(`http://${inner}/`), '')
  await each(async tool => {
    const aliases = JSON.parse(
      await ok(daemon, tool, ['inspect', '-f', '{{json .NetworkSettings.Networks}}', `${name}-web-1`]),
    ) as Record<string, { Aliases: string[] }>
    assert.ok(aliases[`${name}_frontend`]!.Aliases.includes('web.local'))
    assert.ok(aliases[`${name}_internal`]!.Aliases.includes('web.internal'))
  })
})

test('DNS: services by name, and settings of one’s own', async () => {
  await using resolution = project('resolution')
  await resolution.ok('up', '-d')
  assert.equal(await sh(resolution, 'api', 'echo $API_URL'), 'http://web:80')
  assert.match(await sh(resolution, 'api', 'curl -s $API_URL'), /^nginx /)
  await using custom = project('custom-dns')
  await custom.ok('up', '-d')
  const conf = await sh(custom, 'web', 'cat /etc/resolv.conf')
  assert.match(conf, /^nameserver 127\.0\.0\.11$/m)
  assert.match(conf, /^search example\.com internal\.local$/m)
  const { HostConfig } = (await custom.inspect('web')) as unknown as {
    HostConfig: { Dns: string[]; DnsSearch: string[] }
  }
  assert.deepEqual(HostConfig.Dns, ['8.8.8.8', '8.8.4.4'])
  assert.deepEqual(HostConfig.DnsSearch, ['example.com', 'internal.local'])
})

test('load balancing: one virtual address and a shared port for web, every address for api', async () => {
  await using balancing = project('balancing')
  await balancing.ok('up', '-d')
  const addresses = async (service: string) =>
    (await sh(balancing, 'api', `nslookup -type=a ${service} 127.0.0.11 | grep -A 1 ^Name`)).match(/Address: \S+/g) ??
    []
  assert.equal(new Set(await addresses('web')).size, 1)
  assert.equal(new Set(await addresses('api')).size, 5)
  const inside = await sh(balancing, 'api', 'for i in $(seq 40); do curl -s http://web; done')
  assert.equal(new Set(inside.split('\n')).size, 3)
  const url = `http://${guide.machines.address}:8080`
  const seen = new Set(Array.from({ length: 40 }, () => guide.fromClient(url)))
  assert.equal(seen.size, 3, [...seen].join(' '))
})

test('service communication: the database is on the internal network only', async () => {
  await using communication = project('communication')
  await communication.ok('up', '-d')
  assert.equal(await sh(communication, 'api', 'echo $DATABASE_URL'), 'postgres://user:password@database:5432/appdb')
  assert.equal(await sh(communication, 'api', 'nc -w 2 database 5432 < /dev/null'), 'postgres')
  assert.equal(await sh(communication, 'database', 'echo $POSTGRES_USER $POSTGRES_DB'), 'user appdb')
  assert.match(await sh(communication, 'web', 'curl -s api:3000'), /^node /)
  const lost = await communication.run('exec', '-T', 'web', 'ping', '-c', '1', 'database')
  assert.match(lost.stderr, /bad address 'database'/)
  assert.notEqual((await communication.run('exec', '-T', 'database', 'ping', '-c', '1', '10.213.0.2')).code, 0)
})

test('network troubleshooting, and the diagnosis of web that cannot reach the database', async () => {
  await using diagnosing = project('diagnosing')
  await diagnosing.ok('up', '-d')
  const { name } = diagnosing
  const [web, api, database] = ['web', 'api', 'database'].map(service => `${name}-${service}-1`) as [
    string,
    ...string[],
  ]

  // From a file alone, with nothing asked of an engine, and then from the engine's own look.
  const static_ = await diagnosing.run('explain', 'web', 'database')
  assert.equal(static_.code, 1, static_.stderr)
  assert.match(static_.stdout, /web and database share no network/)

  await Promise.all(
    tools.map(async tool => {
      assert.match(await ok(daemon, tool, ['network', 'ls']), new RegExp(` ${name}_frontend +bridge +local`))
      // Compose puts the project's name before: the guide's own word finds nothing, on Docker too.
      const bare = await run(daemon, tool, ['network', 'inspect', 'frontend'])
      assert.equal(bare.code, 1)
      assert.match(bare.stderr, /network frontend not found/)
      const members = async (network: string) => {
        const [one] = JSON.parse(await ok(daemon, tool, ['network', 'inspect', `${name}_${network}`])) as [
          { Containers: Record<string, { Name: string }> },
        ]
        return Object.values(one.Containers)
          .map(container => container.Name)
          .sort()
      }
      assert.deepEqual(await members('frontend'), [api, web])
      assert.deepEqual(await members('backend'), [api, database])

      await interactive(tool, ['exec', '-it', web, 'ping', 'api'], /64 bytes from [\d.]+/, /packets received/)
      await interactive(tool, ['exec', '-it', api!, 'ping', 'database'], /64 bytes from [\d.]+/, /packets received/)
      await interactive(tool, ['stats', web], /[0-9a-f]{12} .*\d%.*B \/ \d/)
      const curl = new Terminal(daemon, tool, ['exec', '-it', api!, 'curl', 'web:80'])
      await curl.see(/nginx [0-9a-f]{12}/)
      assert.equal(await curl.ended(), 0)
      const lost = new Terminal(daemon, tool, ['exec', '-it', web, 'ping', 'database'])
      await lost.see(/bad address 'database'/)
      assert.equal(await lost.ended(), 1)

      assert.equal(await ok(daemon, tool, ['logs', web]), 'ready')
      const [inspected] = JSON.parse(await ok(daemon, tool, ['inspect', api!])) as [Inspected]
      assert.deepEqual(Object.keys(inspected.NetworkSettings.Networks).sort(), [`${name}_backend`, `${name}_frontend`])
      assert.match(
        shell(tool, `inspect ${web} | grep -A 20 "Networks"`),
        new RegExp(`"Networks": {\\s+"${name}_frontend"`),
      )
      assert.match(
        shell(tool, `inspect ${database} | grep -A 20 "Networks"`),
        new RegExp(`"Networks": {\\s+"${name}_backend"`),
      )
    }),
  )
  const published = await until(
    'an answer',
    () => guide.fromClient(`http://${guide.machines.address}:8080`) || undefined,
  )
  assert.match(published, /^nginx /)
})

/** A command that runs until ctrl-C. Docker's own `stats` of named containers wants it three times. */
async function interactive(tool: Tool, args: string[], pattern: RegExp, last?: RegExp): Promise<void> {
  const terminal = new Terminal(daemon, tool, args)
  await terminal.see(pattern)
  terminal.type('\x03')
  if (last) await terminal.see(last)
  const again = setInterval(() => terminal.type('\x03'), 200)
  try {
    await terminal.ended()
  } finally {
    clearInterval(again)
  }
}

/** A line of the guide with its pipe, in a shell. */
function shell(tool: Tool, line: string): string {
  const { stdout } = spawnSync('sh', ['-c', `${commandOf(tool).join(' ')} ${line}`], {
    env: environmentOf(daemon),
    encoding: 'utf8',
  })
  return stdout
}
