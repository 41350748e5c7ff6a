import assert from 'node:assert/strict'
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

const CHAIN = `
services:
  web:
    image: busybox
    command: ${STAYS}
    environment: { GREETING: "\${GREETING:-hello}" }
    depends_on: [api]
  api: { image: busybox, command: ${STAYS}, depends_on: [db] }
  db: { image: busybox, command: ${STAYS} }
`

test('up makes what is missing, a second up changes nothing, a changed service alone is made anew', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': CHAIN })
  const { name } = project
  const first = await project.ok('up', '-d')
  assert.equal(first.stdout, '')
  assert.match(first.stderr, new RegExp(` Network ${name}_default {2}Created\\n`))
  assert.match(first.stderr, new RegExp(` Container ${name}-web-1 {2}Started\\n$`))
  const ids = await project.ids()
  assert.deepEqual(Object.keys(ids), [`${name}-api-1`, `${name}-db-1`, `${name}-web-1`])

  const second = await project.ok('up', '-d')
  assert.deepEqual(await project.ids(), ids)
  assert.doesNotMatch(second.stderr, /Creat|Recreat|Starting|Started/)

  project.write('.env', 'GREETING=again\n')
  const third = await project.ok('up', '-d')
  assert.match(third.stderr, new RegExp(` Container ${name}-web-1 {2}Recreate\\n`))
  assert.match(third.stderr, new RegExp(` Container ${name}-web-1 {2}Recreated\\n`))
  const changed = await project.ids()
  assert.notEqual(changed[`${name}-web-1`], ids[`${name}-web-1`])
  assert.equal(changed[`${name}-api-1`], ids[`${name}-api-1`])
  assert.equal(changed[`${name}-db-1`], ids[`${name}-db-1`])
  const web = await project.inspect('web')
  assert.ok(web.Config.Env!.includes('GREETING=again'))
  assert.equal(web.Config.Labels['com.docker.compose.replace'], 'web-1')

  // A dependency that is as it should be stays (nerdctl#4547).
  await project.ok('up', '-d', '--force-recreate', 'api')
  const forced = await project.ids()
  assert.notEqual(forced[`${name}-api-1`], ids[`${name}-api-1`])
  assert.equal(forced[`${name}-db-1`], ids[`${name}-db-1`])
})

test('the labels are those of Docker Compose', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  web:
    image: busybox
    command: ${STAYS}
    labels: { own: "1" }
    depends_on: { db: { condition: service_started, restart: true } }
    volumes: ["data:/data"]
  db: { image: busybox, command: ${STAYS} }
volumes: { data: }
`,
  })
  await project.ok('up', '-d')
  const { Config, Image } = await project.inspect('web')
  const { 'com.docker.compose.config-hash': hash, 'com.docker.compose.version': version, ...labels } = Config.Labels
  assert.match(hash!, /^[0-9a-f]{64}$/)
  assert.match(version!, /^2\.\d+\.\d+$/)
  assert.deepEqual(labels, {
    own: '1',
    'com.docker.compose.project': project.name,
    'com.docker.compose.service': 'web',
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.image': Image,
    'com.docker.compose.depends_on': 'db:service_started:true',
    'com.docker.compose.project.config_files': `${project.directory}/compose.yaml`,
    'com.docker.compose.project.working_dir': project.directory,
  })
  const network = await daemon.client.networks.inspect(`${project.name}_default`)
  assert.equal(network.Labels['com.docker.compose.network'], 'default')
  assert.equal(network.Labels['com.docker.compose.project'], project.name)
  assert.equal(network.Labels['com.docker.compose.version'], version)
  const volume = await daemon.client.volumes.inspect(`${project.name}_data`)
  assert.equal(volume.Labels?.['com.docker.compose.volume'], 'data')
  assert.equal(volume.Labels?.['com.docker.compose.project'], project.name)
  assert.equal(await project.ok('config', '--hash', 'web').then(one => one.stdout), `web ${hash}\n`)
})

test('scale goes up and down and keeps the lowest numbers', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `services: { w: { image: busybox, command: ${STAYS} } }`,
  })
  const { name } = project
  await project.ok('up', '-d', '--scale', 'w=3')
  const three = await project.ids()
  assert.deepEqual(Object.keys(three), [`${name}-w-1`, `${name}-w-2`, `${name}-w-3`])
  await project.ok('up', '-d', '--scale', 'w=1')
  assert.deepEqual(await project.ids(), { [`${name}-w-1`]: three[`${name}-w-1`] })
  project.write('compose.yaml', `services: { w: { image: busybox, command: ${STAYS}, deploy: { replicas: 2 } } }`)
  await project.ok('up', '-d')
  assert.equal((await project.ids())[`${name}-w-1`], three[`${name}-w-1`])
  assert.equal((await project.containers()).length, 2)
})

test('--dry-run prints the plan and changes nothing', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': CHAIN })
  const { stdout } = await project.ok('--dry-run', 'up', '-d')
  assert.match(stdout, new RegExp(`^create network ${project.name}_default {2}\\(it does not exist\\)\n`))
  assert.match(stdout, new RegExp(`start container ${project.name}-web-1 {2}\\(it is new\\)\n$`))
  assert.deepEqual(await project.containers(), [])
  await project.ok('up', '-d')
  const ids = await project.ids()
  assert.match((await project.ok('--dry-run', 'down')).stdout, /remove network/)
  assert.deepEqual(await project.ids(), ids)
  assert.equal((await project.ok('--dry-run', 'up')).stdout, 'nothing to do\n')
})

test('orphans are told of, and removed on request', async () => {
  await using project = new ComposeProject(daemon, { 'compose.yaml': CHAIN })
  await project.ok('up', '-d')
  project.write('compose.yaml', `services: { web: { image: busybox, command: ${STAYS} } }`)
  const { stderr } = await project.ok('up', '-d')
  assert.match(
    stderr,
    /Found orphan containers \(.*-api-1.*\) for this project\. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up\./,
  )
  assert.equal((await project.containers()).length, 3)
  await project.ok('up', '-d', '--remove-orphans')
  assert.deepEqual(Object.keys(await project.ids()), [`${project.name}-web-1`])
})

test('profiles keep services out until they are asked for', async () => {
  await using project = new ComposeProject(daemon, {
    'compose.yaml': `
services:
  main: { image: busybox, command: ${STAYS} }
  tool: { image: busybox, command: ${STAYS}, profiles: [debug] }
`,
  })
  await project.ok('up', '-d')
  assert.deepEqual(Object.keys(await project.ids()), [`${project.name}-main-1`])
  await project.ok('--profile', 'debug', 'up', '-d')
  assert.equal((await project.containers()).length, 2)
  // Named on the command line, its profile counts as asked for.
  await project.ok('--profile', 'debug', 'down')
  await project.ok('up', '-d', 'tool')
  assert.deepEqual(Object.keys(await project.ids()), [`${project.name}-tool-1`])
})

test('two projects of one name in different directories do not destroy each other', async () => {
  await using one = new ComposeProject(daemon, { 'compose.yaml': `name: twin\n${CHAIN}` }, { name: 'twin' })
  await one.ok('up', '-d')
  const ids = await one.ids()
  await using other = new ComposeProject(daemon, { 'compose.yaml': `name: twin\n${CHAIN}` }, { name: 'twin' })
  const words = new RegExp(`belongs to another project named twin, in ${one.directory}`)
  await other.refused(words, 'up', '-d')
  await other.refused(words, 'up', '-d', '--remove-orphans', '--force-recreate')
  await other.refused(words, 'down', '-v')
  assert.deepEqual(await one.ids(), ids)
})

test('anonymous volumes and those of the image are carried over a recreation', async () => {
  const file = (value: number) => `
services:
  w:
    image: busybox
    command: ${STAYS}
    environment: { N: "${value}" }
    volumes: [/data]
`
  await using project = new ComposeProject(daemon, { 'compose.yaml': file(1) })
  await project.ok('up', '-d')
  await project.sh('w', 'echo kept > /data/file')
  const before = (await project.inspect('w')).Mounts.find(one => one.Destination === '/data')!.Name!
  const made = await daemon.client.volumes.inspect(before)
  assert.equal(made.Labels?.['com.docker.volume.anonymous'], '')
  project.write('compose.yaml', file(2))
  await project.ok('up', '-d')
  assert.equal(await project.sh('w', 'cat /data/file'), 'kept')
  project.write('compose.yaml', file(3))
  await project.ok('up', '-d', '-V')
  assert.equal(await project.sh('w', 'ls /data'), '')
  const after_ = (await project.inspect('w')).Mounts.find(one => one.Destination === '/data')!.Name!
  await assert.rejects(daemon.client.volumes.inspect(before), { kind: 'not-found' })
  project.write('compose.yaml', file(4))
  await project.ok('up', '-d')
  await project.ok('down', '-v')
  await assert.rejects(daemon.client.volumes.inspect(after_), { kind: 'not-found' })
})
