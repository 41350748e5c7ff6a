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

const file = (condition: string, db: string) => `
services:
  web: { image: busybox, command: ${STAYS}, depends_on: { db: { condition: ${condition} } } }
  db: { image: busybox, ${db} }
`

test('service_healthy blocks until the check passes', async () => {
  const check = 'healthcheck: { test: test -e /ready, interval: 100ms, start_period: 20s, start_interval: 50ms }'
  await using project = new ComposeProject(daemon, {
    'compose.yaml': file('service_healthy', `command: ${STAYS}, ${check}`),
  })
  const up = project.start('up', '-d')
  let stderr = ''
  up.stderr!.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  await until('the database runs', () => (stderr.includes(`${project.name}-db-1  Waiting`) ? true : undefined))
  const states = await project.containers()
  assert.equal(states.find(one => one.Names[0]!.endsWith('-web-1'))?.State ?? 'created', 'created')
  await project.sh('db', 'touch /ready')
  const [code] = (await once(up, 'close')) as [number]
  assert.equal(code, 0, stderr)
  assert.match(
    stderr,
    new RegExp(`Container ${project.name}-db-1 {2}Healthy\\n Container ${project.name}-web-1 {2}Starting`),
  )
  const [db, web] = [await project.inspect('db'), await project.inspect('web')]
  assert.ok(web.State.StartedAt > db.State.StartedAt)
})

test('an unhealthy dependency stops the start', async () => {
  const check = 'healthcheck: { test: exit 1, interval: 50ms, retries: 2 }'
  await using project = new ComposeProject(daemon, {
    'compose.yaml': file('service_healthy', `command: ${STAYS}, ${check}`),
  })
  await project.refused(
    new RegExp(`^dependency failed to start: container ${project.name}-db-1 is unhealthy$`, 'm'),
    ...['up', '-d'],
  )
  assert.equal((await project.inspect('web')).State.Status, 'created')
})

test('a dependency that ends, or has no check, is never healthy', async () => {
  const check = 'healthcheck: { test: exit 0, interval: 5s }'
  await using project = new ComposeProject(daemon, {
    'compose.yaml': file('service_healthy', `command: ["sh", "-c", "exit 3"], ${check}`),
  })
  const words = (end: string) => new RegExp(`^dependency failed to start: container ${project.name}-db-1 ${end}$`, 'm')
  await project.refused(words('exited \\(3\\)'), 'up', '-d')
  project.write('compose.yaml', file('service_healthy', `command: ${STAYS}`))
  await project.refused(words('has no healthcheck configured'), 'up', '-d')
})

test('service_completed_successfully waits for the end and wants a 0', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': file('service_completed_successfully', 'command: ["sh", "-c", "sleep 0.5"]'),
  })
  const { stderr } = await project.ok('up', '-d')
  assert.match(stderr, new RegExp(`Container ${project.name}-db-1 {2}Exited\\n`))
  const [db, web] = [await project.inspect('db'), await project.inspect('web')]
  assert.ok(db.State.FinishedAt < web.State.StartedAt)
  project.write('compose.yaml', file('service_completed_successfully', 'command: ["sh", "-c", "exit 7"]'))
  await project.refused(/^service "db" didn't complete successfully: exit 7$/m, 'up', '-d', '--force-recreate')
})

test('a dependency that is not required may fail', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  web:
    image: busybox
    command: ${STAYS}
    depends_on: { db: { condition: service_healthy, required: false } }
  db: { image: busybox, command: ["false"] }
`,
  })
  await project.ok('up', '-d')
  assert.equal((await project.inspect('web')).State.Running, true)
})

test('--wait waits for health, and its failure is an error', async () => {
  const check = (test: string) => `healthcheck: { test: ${test}, interval: 50ms, retries: 2 }`
  const one = (test: string) => `services: { w: { image: busybox, command: ${STAYS}, ${check(test)} } }`
  await using project = new ComposeProject(daemon, { 'compose.yaml': one('exit 0') })
  const { stderr } = await project.ok('up', '--wait')
  assert.match(stderr, new RegExp(`Container ${project.name}-w-1 {2}Healthy\\n$`))
  assert.equal((await project.inspect('w')).State.Health?.Status, 'healthy')
  project.write('compose.yaml', one('exit 1'))
  await project.refused(new RegExp(`container ${project.name}-w-1 is unhealthy`), 'up', '--wait')
  project.write(
    'compose.yaml',
    `services: { w: { image: busybox, command: ${STAYS}, healthcheck: { test: exit 1, interval: 1h, start_period: 1h, start_interval: 1h } } }`,
  )
  await project.refused(/timeout waiting for/, 'up', '--wait', '--wait-timeout', '1')
})

test('depends_on with restart restarts the dependent when its dependency is made anew', async () => {
  const text = (n: number) => `
services:
  web: { image: busybox, command: ${STAYS}, depends_on: { db: { condition: service_started, restart: true } } }
  db: { image: busybox, command: ${STAYS}, environment: { N: "${n}" } }
`
  await using project = new ComposeProject(daemon, { 'compose.yaml': text(1) })
  await project.ok('up', '-d')
  const before = await project.inspect('web')
  project.write('compose.yaml', text(2))
  const { stderr } = await project.ok('up', '-d')
  assert.match(stderr, /web-1 {2}Restarted/)
  const now = await project.inspect('web')
  assert.equal(now.Id, before.Id)
  assert.ok(now.State.StartedAt > before.State.StartedAt)
})
