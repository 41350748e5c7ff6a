import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serviceHash } from '../hash.ts'
import { loadProject } from '../load/load.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import type { Project } from '../project.ts'
import { planDown } from './down.ts'
import { planStart, planStop, refuseOther } from './order.ts'
import { printPlan, type Plan } from './step.ts'
import { planUp, type UpOptions } from './up.ts'

const TEXT = `
name: shop
services:
  web: {image: nginx, depends_on: {api: {condition: service_healthy, restart: true}}}
  api: {image: node, networks: [default, back], depends_on: [db]}
  db: {image: postgres, volumes: ["data:/d"], networks: [back]}
networks: {back: {internal: true}}
volumes: {data: }
`
let dir: string
let project: Project
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-plan-'))
  writeFileSync(join(dir, 'compose.yaml'), TEXT)
  project = await loadProject({ files: [], cwd: dir, env: {}, warn: () => {} })
})
after(() => rmSync(dir, { recursive: true }))

const nothing: Observed = { containers: [], networks: {}, volumes: {} }
const images = { nginx: 'sha256:n', node: 'sha256:o', postgres: 'sha256:p' }
const options = (changes: Partial<UpOptions> = {}): UpOptions => ({
  services: [],
  noDeps: false,
  forceRecreate: false,
  noRecreate: false,
  alwaysRecreateDeps: false,
  renewVolumes: false,
  removeOrphans: false,
  noStart: false,
  scale: {},
  images,
  ...changes,
})

function running(service: string, changes: Partial<ObservedContainer> = {}): ObservedContainer {
  const known = project.services[service]
  return {
    id: `id-${service}`,
    name: `shop-${service}-1`,
    replaces: '',
    service,
    number: 1,
    oneoff: false,
    state: 'running',
    status: 'Up',
    hash: known ? serviceHash(project, known) : '',
    imageId: known ? images[known.image as 'node'] : '',
    image: known?.image ?? '',
    workingDir: dir,
    files: '',
    dependsOn: Object.keys(known?.depends_on ?? {}),
    networks: Object.keys(known?.networks ?? {}).map(key => `shop_${key}`),
    anonymous: {},
    created: 0,
    ...changes,
  }
}

async function observed(...containers: ObservedContainer[]): Promise<Observed> {
  const { networkHash, volumeHash } = await import('../hash.ts')
  const network = (key: string) => ({ id: key, key, hash: networkHash(project.networks[key]!), project: 'shop' })
  return {
    containers,
    networks: { shop_default: network('default'), shop_back: network('back') },
    volumes: { shop_data: { key: 'data', hash: volumeHash(project.volumes['data']!), project: 'shop' } },
  }
}

test('a first up makes everything, dependencies first', () => {
  assert.equal(
    printPlan(planUp(project, nothing, options({ images: { ...images, nginx: undefined } }))),
    `create network shop_back  (it does not exist)
create network shop_default  (it does not exist)
create volume shop_data  (it does not exist)
pull image nginx  (it is not here)
create container shop-db-1  (it does not exist)
start container shop-db-1  (it is new)
create container shop-api-1  (it does not exist)
start container shop-api-1  (it is new)
create container shop-web-1  (it does not exist)
await api healthy  (web depends on it)
start container shop-web-1  (it is new)
`,
  )
})

test('a second up has nothing to do', async () => {
  const plan = planUp(project, await observed(running('web'), running('api'), running('db')), options())
  assert.equal(printPlan(plan), 'nothing to do\n')
})

test('a changed service is made anew, and a dependent that asked for it restarts', async () => {
  const state = await observed(running('web'), running('api', { hash: 'old' }), running('db'))
  assert.equal(
    printPlan(planUp(project, state, options())),
    `replace container shop-api-1  (its configuration changed)
start container shop-api-1  (it was made anew)
await api healthy  (web depends on it)
restart container shop-web-1  (api was made anew)
`,
  )
})

test('up of one service leaves unchanged dependencies alone', async () => {
  const state = await observed(running('api'), running('db', { state: 'exited' }))
  assert.equal(
    printPlan(planUp(project, state, options({ services: ['api'], forceRecreate: true }))),
    `start container shop-db-1  (it is exited)
replace container shop-api-1  (recreation was asked for)
start container shop-api-1  (it was made anew)
`,
  )
})

test('scale adds free numbers and takes the highest away', async () => {
  const three = await observed(running('db'), running('db', { id: 'x', name: 'shop-db-3', number: 3 }))
  assert.match(
    printPlan(planUp(project, three, options({ services: ['db'], scale: { db: 3 } }))),
    /^create container shop-db-2 {2}\(it does not exist\)\nstart container shop-db-2/,
  )
  assert.equal(
    printPlan(planUp(project, three, options({ services: ['db'], scale: { db: 1 } }))),
    'stop container shop-db-3  (scale is 1)\nremove container shop-db-3  (scale is 1)\n',
  )
})

test('orphans are named, and removed on request', async () => {
  const state = await observed(running('web'), running('api'), running('db'), running('old'))
  const kept = planUp(project, state, options())
  assert.equal(printPlan(kept), 'nothing to do\n')
  assert.match(kept.warnings[0]!, /Found orphan containers \(shop-old-1\)/)
  assert.match(printPlan(planUp(project, state, options({ removeOrphans: true }))), /remove container shop-old-1/)
})

test('two projects of one name do not destroy each other', async () => {
  const state = await observed(running('db', { workingDir: '/elsewhere' }))
  const message = /container shop-db-1 belongs to another project named shop, in \/elsewhere/
  assert.throws(() => refuseOther(project, state, () => true), { kind: 'conflict', message })
  // Its directory is gone: the project was moved.
  refuseOther(project, state, () => false)
  refuseOther(project, await observed(running('db')), () => true)
})

test('a recreation that was cut short is undone or finished', async () => {
  const old = running('db', { id: 'a1b2c3d4e5f60000', hash: 'older' })
  const passing = running('db', {
    id: 'new',
    name: 'a1b2c3d4e5f6_shop-db-1',
    replaces: 'a1b2c3d4e5f6',
    state: 'created',
  })
  const both = planUp(project, await observed(old, passing), options({ services: ['db'] }))
  assert.equal(
    printPlan(both),
    `remove container a1b2c3d4e5f6_shop-db-1  (an earlier recreation was cut short)
replace container shop-db-1  (its configuration changed)
start container shop-db-1  (it was made anew)
`,
  )
  assert.deepEqual(both.steps[1]!.needs, [both.steps[0]!.id])
  const alone = planUp(project, await observed(passing), options({ services: ['db'] }))
  assert.equal(
    printPlan(alone),
    `rename container shop-db-1  (an earlier recreation was cut short)
start container shop-db-1  (it is created)
`,
  )
})

test('a secret whose variable is not set is refused before anything changes', async () => {
  const secret = { name: 's', environment: 'TOKEN', external: false }
  const changed: Project = structuredClone({ ...project, secrets: { s: secret } })
  changed.services['db']!.secrets = [{ source: 's' }]
  const message = 'environment variable "TOKEN" required by secret "s" is not set (service "db")'
  const state = await observed()
  assert.throws(() => planUp(changed, state, options()), { kind: 'invalid', message })
})

test('start and stop follow the dependencies that the labels tell', async () => {
  const state = await observed(running('db'), running('api'), running('web'))
  const names = (plan: Plan) => plan.steps.map(({ action }) => (action as { name: string }).name)
  assert.deepEqual(names(planStop(state.containers)), ['shop-web-1', 'shop-api-1', 'shop-db-1'])
  const stopped = state.containers.map(one => ({ ...one, state: 'exited' }))
  const start = planStart(stopped)
  assert.deepEqual(names(start), ['shop-db-1', 'shop-api-1', 'shop-web-1'])
  assert.deepEqual(start.steps[1]!.needs, [start.steps[0]!.id])
})

test('a foreign network of the same name is refused', async () => {
  const state = await observed()
  state.networks['shop_back'] = { id: 'x', key: '', hash: '', project: '' }
  assert.throws(() => planUp(project, state, options()), /incorrect label com.docker.compose.network set to "" /)
})

test('down stops dependents first, then removes networks, and volumes on request', async () => {
  const state = await observed(running('db'), running('api'), running('web'))
  const plan = planDown('shop', project, state, { volumes: true, removeOrphans: false, services: [] })
  assert.deepEqual(
    plan.steps.map(step => [step.action.kind, (step.action as { name: string }).name]),
    [
      ['stop-container', 'shop-web-1'],
      ['remove-container', 'shop-web-1'],
      ['stop-container', 'shop-api-1'],
      ['remove-container', 'shop-api-1'],
      ['stop-container', 'shop-db-1'],
      ['remove-container', 'shop-db-1'],
      ['remove-network', 'shop_default'],
      ['remove-network', 'shop_back'],
      ['remove-volume', 'shop_data'],
    ],
  )
  const stopOf = (name: string) =>
    plan.steps.find(one => one.action.kind === 'stop-container' && one.action.name === name)!
  assert.deepEqual(stopOf('shop-db-1').needs, [stopOf('shop-api-1').id])
})

test('a service in the namespaces of another is made after it, and anew with it', async () => {
  const text = 'services:\n  z: {image: nginx}\n  a: {image: node, network_mode: "service:z"}\n'
  const file = join(dir, 'shared.yaml')
  writeFileSync(file, text)
  const shared = await loadProject({ files: [file], cwd: dir, env: {}, projectName: 'shop', warn: () => {} })
  const created = planUp(shared, nothing, options({ noStart: true }))
  const [made] = created.steps.filter(step =>
    printPlan({ steps: [step], warnings: [] }).startsWith('create container shop-a'),
  )
  const [needed] = created.steps.filter(step => made!.needs.includes(step.id))
  assert.equal(needed!.action.kind === 'create-container' && needed!.action.service, 'z')
  const there = ['z', 'a'].map(name => ({
    ...running(name),
    hash: name === 'z' ? 'other' : serviceHash(shared, shared.services[name]!),
    imageId: name === 'z' ? 'sha256:n' : 'sha256:o',
  }))
  const again = printPlan(planUp(shared, { ...nothing, containers: there }, options()))
  assert.match(again, /replace container shop-a-1 {2}\(z, whose namespaces it shares, was made anew\)/)
})
