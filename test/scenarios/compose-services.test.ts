import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../support/daemon.ts'
import { ComposeProject, STAYS } from './compose-project.ts'

let daemon: TestDaemon
before(async () => {
  daemon = new TestDaemon()
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

const stays = (more: string) => `{ image: busybox, command: ${STAYS}, ${more} }`

test('environment comes from env_file, .env, the shell and defaults', async () => {
  await using project = new ComposeProject(
    daemon,
    {
      '.env': 'FROM_DOTENV=dot\nBOTH=dot\n',
      'app.env': '# settings\nFILE_ONLY=file\nOVERRIDDEN=file\nQUOTED="two words"\nUSES=${FROM_DOTENV}!\n',
      'compose.yaml': `
services:
  w:
    image: busybox
    command: ${STAYS}
    env_file: [app.env, { path: missing.env, required: false }]
    environment:
      OVERRIDDEN: here
      DOT: \${FROM_DOTENV}
      SHELL_WINS: \${BOTH}
      DEFAULT: \${NOWHERE:-fallback}
      DOLLAR: "a$$b"
      PASSED:
`,
    },
    { env: { BOTH: 'shell', PASSED: 'through' } },
  )
  await project.ok('up', '-d')
  const env = new Set((await project.inspect('w')).Config.Env)
  for (const expected of [
    ...['FILE_ONLY=file', 'OVERRIDDEN=here', 'QUOTED=two words', 'USES=dot!', 'DOT=dot', 'SHELL_WINS=shell'],
    ...['DEFAULT=fallback', 'DOLLAR=a$b', 'PASSED=through'],
  ]) {
    assert.ok(env.has(expected), `${expected} in ${[...env].join(' ')}`)
  }
})

test('configs and secrets of each kind can be read in the container', async () => {
  await using project = new ComposeProject(
    daemon,
    {
      'secret.txt': 'from a file',
      '.env': 'DOT_TOKEN=from dotenv\n',
      'compose.yaml': `
services:
  w:
    image: busybox
    command: ${STAYS}
    configs:
      - inline
      - { source: inline, target: /etc/app/named.conf, mode: 0440, uid: "12", gid: "34" }
      - { source: env, target: /etc/env.conf }
    secrets: [file, token, { source: dot, target: renamed }]
configs:
  inline: { content: "hello \${WHO:-world}\\n" }
  env: { environment: FROM_ENV }
secrets:
  file: { file: ./secret.txt }
  token: { environment: TOKEN }
  dot: { environment: DOT_TOKEN }
`,
    },
    { env: { TOKEN: 's3cret', FROM_ENV: 'value' } },
  )
  await project.ok('up', '-d')
  assert.equal(await project.sh('w', 'cat /inline /etc/app/named.conf'), 'hello world\nhello world')
  assert.equal(await project.sh('w', 'stat -c "%a %u %g" /etc/app/named.conf'), '440 12 34')
  assert.equal(
    await project.sh('w', 'cat /etc/env.conf; echo; cd /run/secrets; cat file; echo; cat token; echo; cat renamed'),
    'value\nfrom a file\ns3cret\nfrom dotenv',
  )
  // What a variable holds shows nowhere.
  assert.doesNotMatch((await project.ok('config')).stdout, /s3cret|from dotenv/)
})

test('networks: static addresses, aliases, internal ones without a way out, names, external ones', async () => {
  const external = `backend-${process.pid}`
  await daemon.client.networks.create({ Name: external })
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  web:
    image: busybox
    command: ${STAYS}
    networks:
      front: { ipv4_address: 10.213.5.77, aliases: [web.local] }
      inner: { aliases: [web.internal] }
  db: ${stays('networks: [inner]')}
  outside: ${stays('networks: [shared, named]')}
networks:
  front:
    driver: bridge
    ipam: { driver: default, config: [{ subnet: 10.213.0.0/16, ip_range: 10.213.5.0/24, gateway: 10.213.5.254 }] }
    driver_opts:
      com.docker.network.bridge.enable_icc: "true"
      com.docker.network.bridge.enable_ip_masquerade: "true"
  inner: { driver: bridge, internal: true }
  shared: { external: true, name: ${external} }
  named: { name: custom_frontend, driver: bridge }
`,
  })
  await project.ok('up', '-d')
  assert.match(await project.sh('web', 'ip -4 addr'), /10\.213\.5\.77\/16/)
  assert.match(await project.sh('web', 'ip route'), /default via 10\.213\.5\.254/)
  const address = await project.sh('web', 'nslookup web.internal | tail -n +3')
  assert.match(
    await project.sh('db', 'nslookup web.internal | tail -n +3'),
    new RegExp(/Address: (\S+)/.exec(address)![1]!),
  )
  assert.match(
    (await project.run('exec', '-T', 'db', 'nslookup', 'web.local')).stdout,
    /can't (find|resolve) web\.local/,
  )
  assert.equal(await project.sh('db', 'ip route | grep -c default || true'), '0')
  await project.sh('db', 'ping -c 1 -W 2 web')
  const outside = Object.keys((await project.inspect('outside')).NetworkSettings.Networks)
  assert.deepEqual(outside.toSorted(), [external, 'custom_frontend'].toSorted())
  const { Aliases } = (await project.inspect('web')).NetworkSettings.Networks[`${project.name}_front`]!
  for (const alias of ['web', 'web.local', `${project.name}-web-1`]) assert.ok(Aliases?.includes(alias), alias)
  await project.ok('down')
  await daemon.client.networks.inspect(external)
  await assert.rejects(daemon.client.networks.inspect('custom_frontend'), { kind: 'not-found' })
  await daemon.client.networks.remove(external)
})

test('what is external must be there', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `services: { w: ${stays('networks: [n]')} }\nnetworks: { n: { external: true, name: no_such_net } }`,
  })
  await project.refused(/^network no_such_net declared as external, but could not be found$/m, 'up', '-d')
  project.write('compose.yaml', `services: { w: ${stays('volumes: ["v:/v"]')} }\nvolumes: { v: { external: true } }`)
  await project.refused(/^external volume "v" not found$/m, 'up', '-d')
  assert.deepEqual(await project.containers(), [])
})

test('the host half of a service: limits, read-only root, tmpfs, user, hosts and the rest', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  w:
    image: busybox
    command: ${STAYS}
    read_only: true
    tmpfs: [/tmp, "/run:size=1m,mode=700"]
    user: "1000:1001"
    working_dir: /tmp
    hostname: wanted
    init: true
    extra_hosts: ["db.example=10.1.2.3", "gateway:host-gateway"]
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    security_opt: ["no-new-privileges:true"]
    ulimits: { nofile: { soft: 100, hard: 200 }, nproc: 50 }
    sysctls: { net.ipv4.ip_unprivileged_port_start: 0 }
    stop_grace_period: 1m5s
    shm_size: 2m
    restart: "on-failure:3"
    logging: { driver: json-file, options: { max-size: 1m } }
    deploy: { resources: { limits: { cpus: "0.5", memory: 64M, pids: 40 }, reservations: { memory: 32M } } }
`,
  })
  await project.ok('up', '-d')
  const { Config, HostConfig } = await project.inspect('w')
  assert.equal(HostConfig.Memory, 64 << 20)
  assert.equal(HostConfig.MemoryReservation, 32 << 20)
  assert.equal(HostConfig.NanoCpus, 5e8)
  assert.equal(HostConfig.PidsLimit, 40)
  assert.equal(HostConfig.ReadonlyRootfs, true)
  assert.equal(HostConfig.ShmSize, 2 << 20)
  assert.deepEqual(HostConfig.Tmpfs, { '/tmp': '', '/run': 'size=1m,mode=700' })
  assert.deepEqual(HostConfig.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 })
  assert.equal(Config.StopTimeout, 65)
  assert.equal(await project.sh('w', 'id -u; id -g; pwd; hostname; ulimit -n'), '1000\n1001\n/tmp\nwanted\n100')
  assert.match(await project.sh('w', 'cat /etc/hosts'), /10\.1\.2\.3\s+db\.example\n[^]*\d\s+gateway/)
  assert.match(await project.sh('w', 'touch /etc/x 2>&1 || true'), /Read-only file system/)
  assert.match(await project.sh('w', 'grep CapEff /proc/self/status'), /0{16}/)
  assert.match(await project.sh('w', 'mount'), /tmpfs on \/run type tmpfs \([^)]*size=1024k/)
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

test('ports: short and long, udp, a host address, ranges, any free one', async () => {
  const [one, two] = [await freePort(), await freePort()]
  // Some range of the right length; the test looks at what was asked for and what came.
  const from = 20_000 + (process.pid % 10_000)
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  w:
    image: busybox
    command: ["sh", "-c", "trap 'exit 0' TERM; (while :; do echo served | nc -l -p 80; done) & wait"]
    ports:
      - "127.0.0.1:${one}:80"
      - "127.0.0.1:${two}:53/udp"
      - "127.0.0.1::81"
      - "127.0.0.1:${from}-${from + 2}:7000-7002"
      - { target: 90, host_ip: 127.0.0.1, protocol: udp }
      - "9999"
`,
  })
  await project.ok('up', '-d')
  const port = async (...args: string[]) => (await project.ok('port', ...args)).stdout.trim()
  assert.equal(await port('w', '80'), `127.0.0.1:${one}`)
  assert.equal(await port('--protocol', 'udp', 'w', '53'), `127.0.0.1:${two}`)
  assert.match(await port('w', '81'), /^127\.0\.0\.1:\d+$/)
  assert.equal(await port('w', '7002'), `127.0.0.1:${from + 2}`)
  assert.match(await port('--protocol', 'udp', 'w', '90'), /^127\.0\.0\.1:\d+$/)
  assert.match(await port('w', '9999'), /^0\.0\.0\.0:\d+$/)
  await project.refused(/no port 4444\/tcp for container/, 'port', 'w', '4444')
  const { connect } = await import('node:net')
  const said = await new Promise<string>((resolve, reject) => {
    let text = ''
    connect(one, '127.0.0.1')
      .on('data', chunk => (text += String(chunk)))
      .on('error', reject)
      .on('close', () => resolve(text))
  })
  assert.equal(said, 'served\n')
  const { stdout } = await project.ok('ps', '--format', 'json')
  const { Publishers } = JSON.parse(stdout) as { Publishers: object[] }
  assert.ok(
    Publishers.some(
      p =>
        JSON.stringify(p) === JSON.stringify({ URL: '127.0.0.1', TargetPort: 80, PublishedPort: one, Protocol: 'tcp' }),
    ),
  )
})

test('down keeps named volumes, down -v removes them, neither touches an external one', async () => {
  const external = `kept-${process.pid}`
  await daemon.client.volumes.create({ Name: external })
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services: { w: ${stays('volumes: ["data:/data", "ext:/ext", /anon, { type: bind, source: ./here, target: /here }]')} }
volumes: { data: { driver_opts: {} }, ext: { external: true, name: ${external} } }
`,
  })
  await project.ok('up', '-d')
  await project.sh('w', 'echo 1 > /data/a; echo 2 > /here/b')
  const anonymous = (await project.inspect('w')).Mounts.find(one => one.Destination === '/anon')!.Name!
  await project.ok('down')
  assert.deepEqual(await project.containers(), [])
  await daemon.client.volumes.inspect(`${project.name}_data`)
  await project.ok('up', '-d')
  assert.equal(await project.sh('w', 'cat /data/a /here/b'), '1\n2')
  const second = (await project.inspect('w')).Mounts.find(one => one.Destination === '/anon')!.Name!
  assert.notEqual(second, anonymous)
  const { stderr } = await project.ok('down', '-v')
  assert.match(stderr, new RegExp(` Volume ${project.name}_data {2}Removed`))
  await assert.rejects(daemon.client.volumes.inspect(`${project.name}_data`), { kind: 'not-found' })
  await assert.rejects(daemon.client.volumes.inspect(second), { kind: 'not-found' })
  await daemon.client.volumes.inspect(external)
  const again = await project.ok('down')
  assert.match(again.stderr, new RegExp(`No resource found to remove for project "${project.name}"`))
  await daemon.client.volumes.remove(external)
  await daemon.client.volumes.remove(anonymous)
})
