import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'
import { ComposeProject, STAYS } from './compose-project.ts'

let daemon: TestDaemon
before(async () => {
  daemon = new TestDaemon()
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

const PAIR = `
services:
  a: { image: busybox, command: ${STAYS}, depends_on: [b] }
  b: { image: busybox, command: ${STAYS} }
`

test('ps, exec, images, ls, stop, start, restart', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': PAIR })
  const { name } = project
  await project.ok('up', '-d')
  assert.match((await project.ok('ps')).stdout, /^NAME +IMAGE +COMMAND +SERVICE +CREATED +STATUS +PORTS\n/)
  const rows = (await project.ok('ps', '--format', 'json')).stdout.trim().split('\n')
  const shown = rows.map(line => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    shown.map(({ Name, Service, State, Project }) => [Name, Service, State, Project]),
    [
      [`${name}-a-1`, 'a', 'running', name],
      [`${name}-b-1`, 'b', 'running', name],
    ],
  )
  assert.equal((await project.run('exec', '-T', 'a', 'sh', '-c', 'exit 7')).code, 7)
  await project.refused(/service "nope" is not running|no such service: nope/, 'exec', '-T', 'nope', 'true')
  assert.match((await project.ok('images')).stdout, new RegExp(`${name}-a-1 +busybox +latest`))
  assert.match(
    (await project.ok('ls')).stdout,
    new RegExp(`${name} +running\\(2\\) +${project.directory}/compose.yaml`),
  )
  const stopped = await project.ok('stop')
  assert.match(stopped.stderr, /-a-1 {2}Stopped\n[^]*-b-1 {2}Stopping/)
  await project.refused(/service "a" is not running/, 'exec', '-T', 'a', 'true')
  assert.equal((await project.ok('ps', '-q')).stdout, '')
  await project.ok('start')
  const before = (await project.inspect('a')).State.StartedAt
  await project.ok('restart', 'a')
  assert.ok((await project.inspect('a')).State.StartedAt > before)
})

test('logs have prefixes, --tail counts per container, -f ends with the containers', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  one: { image: busybox, command: ["sh", "-c", "for i in 1 2 3; do echo line $$i; done; sleep 1; echo last"] }
  longer: { image: busybox, command: ["sh", "-c", "echo other"] }
`,
  })
  await project.ok('up', '-d')
  const { stdout } = await project.ok('logs', '-f', '--no-color')
  assert.deepEqual(stdout.trim().split('\n').toSorted(), [
    'longer-1  | other',
    'one-1     | last',
    'one-1     | line 1',
    'one-1     | line 2',
    'one-1     | line 3',
  ])
  assert.equal((await project.ok('logs', '--tail', '1', '--no-log-prefix', 'one')).stdout, 'last\n')
})

test('ctrl-C of an attached up stops the containers', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `services: { w: { image: busybox, command: ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 1000 & wait; done"] } }`,
  })
  const up = project.start('up')
  let text = ''
  for (const stream of [up.stdout!, up.stderr!])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await until('its output', () => (/^w-1 {2}\| hi$/m.test(text) ? true : undefined))
  up.kill('SIGINT')
  const [code] = (await once(up, 'close')) as [number]
  assert.match(text, /Attaching to w-1\n/)
  assert.match(text, /Gracefully stopping\.\.\. \(press Ctrl\+C again to force\)/)
  assert.match(text, /w-1 {2}Stopped/)
  assert.match(text, /w-1 {2}\| bye/)
  assert.equal(code, 130)
  assert.equal((await project.inspect('w')).State.Status, 'exited')
})

test('an attached up ends with its containers, and passes an exit code on', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  job: { image: busybox, command: ["sh", "-c", "echo working; exit 5"] }
  other: { image: busybox, command: ${STAYS} }
`,
  })
  const { code, stdout } = await project.run('up', '--exit-code-from', 'job')
  assert.match(stdout, /job-1 +\| working\n/)
  assert.match(stdout, /job-1 exited with code 5\n/)
  assert.equal(code, 5)
  assert.equal((await project.inspect('other')).State.Running, false)
})

test('what config prints, loaded again, is the same', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
version: "3.8"
services:
  web:
    image: busybox
    command: echo "a b" $$HOME
    environment: [A=1, "B=x $$y"]
    ports: ["127.0.0.1:8081:80", "9000-9001:90-91/udp", { target: 70, published: "7000" }]
    volumes: ["data:/d:ro", "./here:/h", { type: tmpfs, target: /t, tmpfs: { size: 1m } }]
    networks: { front: { aliases: [x.local], ipv4_address: 10.9.0.5 }, back: }
    healthcheck: { test: exit 0, interval: 1m30s, timeout: 500ms }
    depends_on: { api: { condition: service_healthy } }
    deploy: { replicas: 2, endpoint_mode: vip, resources: { limits: { cpus: "0.5", memory: 10M } } }
    dns: [8.8.8.8]
    dns_search: [example.com]
    stop_grace_period: 90s
    configs: [{ source: c, mode: 0440 }]
  api: { image: busybox, deploy: { endpoint_mode: dnsrr } }
networks:
  front: { driver: bridge, ipam: { config: [{ subnet: 10.9.0.0/16, gateway: 10.9.255.254 }] } }
  back: { internal: true }
  swarm: { driver: overlay, attachable: true }
  direct: { driver: macvlan, driver_opts: { parent: eth0 } }
volumes: { data: { labels: { k: v } } }
configs: { c: { content: "cost: $$5\\n" } }
`,
  })
  await project.ok('config', '-q')
  const { stdout } = await project.ok('config')
  project.write('again.yaml', stdout)
  assert.equal((await project.ok('-f', 'again.yaml', 'config')).stdout, stdout)
  const json = (await project.ok('-f', 'again.yaml', 'config', '--format', 'json')).stdout
  assert.equal((JSON.parse(json) as { name: string }).name, project.name)
})

test('a wrong file is told with its line and column, and nothing is made', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': '' })
  const wrong = async (text: string, words: RegExp) => {
    project.write('compose.yaml', text)
    await project.refused(words, 'up', '-d')
  }
  const at = (place: string, words: string) => new RegExp(`compose\\.yaml:${place}: ${words}`)
  await wrong(
    'services:\n  w:\n    image: x\n    prots: []\n',
    at('\\d+:\\d+', "services\\.w additional property 'prots'"),
  )
  await wrong('services:\n  w:\n    image: x\n    ports: ["80:70000"]\n', at('4:\\d+', 'services\\.w\\.ports\\[0\\]'))
  await wrong('services:\n  w: [\n', /compose\.yaml:\d+:\d+: /)
  await wrong(
    'services:\n  w:\n    image: ${NEEDED:?set it}\n',
    at('3:\\d+', '.*required variable NEEDED is missing a value: set it'),
  )
  await wrong('services: { w: { image: x, depends_on: [y] } }', /service "w" depends on undefined service "y"/)
  await wrong('services: { w: { image: x, networks: [y] } }', /service "w" refers to undefined network y/)
  assert.deepEqual(await project.containers(), [])
})

test('two up at once on one project end as one', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': PAIR })
  const outputs = await Promise.all([1, 2, 3].map(() => project.run('up', '-d')))
  assert.deepEqual(
    outputs.map(one => one.code),
    [0, 0, 0],
    outputs.map(one => one.stderr).join('\n'),
  )
  assert.equal((await project.containers()).length, 2)
})

test('an up that was killed is mended by the next', async () => {
  const file = (n: number) => PAIR.replaceAll('busybox,', `busybox, environment: { N: "${n}" },`)
  await using project = new ComposeProject(daemon, { 'compose.yaml': file(0) })
  await project.ok('up', '-d')
  for (let i = 1; i <= 4; i++) {
    project.write('compose.yaml', file(i))
    const up = project.start('up', '-d')
    // At another moment each time: after so many lines of progress.
    let lines = 0
    up.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      lines += chunk.split('\n').length - 1
      if (lines >= i) up.kill('SIGKILL')
    })
    await once(up, 'close')
    await project.ok('up', '-d')
    const all = await project.containers()
    assert.deepEqual(all.map(one => [one.Names[0], one.State]).toSorted(), [
      [`/${project.name}-a-1`, 'running'],
      [`/${project.name}-b-1`, 'running'],
    ])
    assert.ok((await project.inspect('b')).Config.Env!.includes(`N=${i}`))
  }
})

test('a failing step names its container, and a missing image its service', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `services: { w: { image: busybox, command: ["/no/such/program"] } }`,
  })
  await project.refused(new RegExp(`${project.name}-w-1`), 'up', '-d')
  const gone = await project.run('ps')
  assert.equal(gone.code, 0)
  project.write('compose.yaml', `services: { w: { image: no-such-image-here, pull_policy: never, command: x } }`)
  await project.refused(/No such image: no-such-image-here/, 'up', '-d')
})

test('a dry run of kill and rm acts on nothing', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': 'services: { w: { image: busybox, command: sleep 600 } }',
  })
  await project.ok('up', '-d')
  const before = await project.inspect('w')
  for (const words of [['kill'], ['stop'], ['rm', '-fs'], ['restart', '-t', '0']]) {
    const { code, stdout } = await project.run('--dry-run', ...words)
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`container ${project.name}-w-1`))
  }
  const after = await project.inspect('w')
  assert.deepEqual([after.State.Pid, after.State.StartedAt], [before.State.Pid, before.State.StartedAt])
})
