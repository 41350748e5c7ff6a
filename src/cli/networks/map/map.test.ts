import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerSummary, NetworkInspect } from '#wire/index.ts'
import { textWidth } from '../../render/table.ts'
import { documentOf } from './document.ts'
import { buildModel } from './model.ts'
import { Reaches } from './reach.ts'
import { renderSvg } from './svg.ts'
import { renderText } from './text.ts'

function network(Name: string, more: Partial<NetworkInspect> = {}): NetworkInspect {
  return {
    ...{ Name, Id: `id-${Name}`, Created: '', Scope: 'local', Driver: 'bridge', EnableIPv4: true, EnableIPv6: false },
    ...{ Internal: false, Attachable: false, Ingress: false, ConfigFrom: { Network: '' }, ConfigOnly: false },
    ...{ IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.1.0.0/16' }] }, Containers: {}, Options: {} },
    Labels: {},
    ...more,
  }
}

interface Made {
  state?: string
  status?: string
  service?: string
  project?: string
  ports?: ContainerSummary['Ports']
  mode?: string
  labels?: Record<string, string>
}

function container(name: string, networks: Record<string, string>, made: Made = {}): ContainerSummary {
  const { state = 'running', status = 'Up 2 seconds', service, project = 'shop', ports = [], mode = 'x', labels } = made
  return {
    ...{ Id: `c-${name}`, Names: [`/${name}`], State: state, Status: status, Ports: ports },
    Labels: service ? { 'com.docker.compose.project': project, 'com.docker.compose.service': service, ...labels } : {},
    HostConfig: { NetworkMode: mode },
    NetworkSettings: {
      Networks: Object.fromEntries(
        Object.entries(networks).map(([key, IPAddress]) => [key, { NetworkID: `id-${key}`, IPAddress }]),
      ),
    },
  } as unknown as ContainerSummary
}

test('marks: parent, no way out, policies', () => {
  const fenced = {
    ...container('a', { wire: '10.1.0.2' }),
    HostConfig: { NetworkMode: 'wire', Annotations: { 'berth.egress': 'allow=' } },
  }
  const built = buildModel(
    [
      network('wire', { Driver: 'macvlan', Options: { parent: 'eth0' } }),
      network('fence', { Options: { 'berth.egress': 'allow=' } }),
    ],
    [fenced],
    { balances: true },
  )
  const text = renderText(built)
  assert.match(text, /wire +macvlan +\S+ +on eth0\n/)
  assert.match(text, /fence +bridge +\S+ +egress policy\n/)
  assert.match(text, / a +running +10\.1\.0\.2 +egress policy\n/)
})

const NETWORKS = [
  network('none', { Driver: 'null' }),
  network('host', { Driver: 'host', IPAM: { Driver: 'default', Options: {}, Config: [] } }),
  network('bridge'),
  network('front'),
  network('back', { Internal: true }),
  network('shy', { Options: { 'com.docker.network.bridge.enable_icc': 'false' } }),
  network('empty'),
]
const web: Made = { service: 'web', ports: [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }] }
const CONTAINERS = [
  container('shop-web-2', { front: '10.1.0.3' }, web),
  container('shop-web-1', { front: '10.1.0.2' }, { ...web, status: 'Up 2 seconds (healthy)' }),
  container('shop-api-1', { front: '10.1.0.4', back: '10.2.0.2' }, { service: 'api' }),
  container('shop-db-1', { back: '10.2.0.3' }, { service: 'db' }),
  container('shop-old-1', { back: '' }, { service: 'old', state: 'exited', status: 'Exited (0) 1 hour ago' }),
  container('shy-1', { shy: '10.3.0.2' }),
  container('shy-2', { shy: '10.3.0.3' }),
  container('onhost', { host: '' }, { mode: 'host' }),
  container('alone', { none: '' }, { mode: 'none' }),
  container('sidecar', {}, { mode: 'container:c-shop-db-1' }),
]
const model = () => buildModel(NETWORKS, CONTAINERS, { balances: true })

test('the terminal: rails, rows, groups, marks', () => {
  const text = renderText(buildModel(NETWORKS, CONTAINERS, { balances: true, project: 'shop' }))
  const lines = text.split('\n')
  assert.match(lines[0]!, /^┌─+ back +bridge +10\.1\.0\.0\/16 +internal$/)
  assert.match(lines[1]!, /^│ ┌─+ front +bridge +10\.1\.0\.0\/16$/)
  assert.match(lines[2]!, /^●─● +shop-api-1 +running +10\.2\.0\.2 10\.1\.0\.4$/)
  assert.match(lines[3]!, /^● │ +shop-db-1 +running +10\.2\.0\.3$/)
  assert.match(lines[4]!, /^○ │ +shop-old-1 +exited$/)
  assert.match(lines[5]!, /^ {2}│ +web ×2: 2 serving, the name is one virtual address$/)
  assert.match(lines[6]!, /^ {2}● +shop-web-1 +running \(healthy\) +10\.1\.0\.2 +0\.0\.0\.0:8080->80\/tcp$/)
  assert.match(lines[7]!, /^ {2}● +shop-web-2 +running +10\.1\.0\.3 +0\.0\.0\.0:8080->80\/tcp$/)
  assert.match(text, /who reaches whom/)
})

test('who reaches whom', () => {
  const built = model()
  const reaches = new Reaches(built)
  const find = (name: string) => built.containers.find(one => one.name === name)!
  const how = (pair: string) => {
    const [from, to] = pair.split(' ') as [string, string]
    return reaches.between(find(from), find(to))
  }
  const expected: Record<string, string> = {
    'shop-web-1 shop-web-2': 'network',
    'shop-web-1 shop-api-1': 'network',
    'shop-api-1 shop-db-1': 'network',
    'shop-web-1 shop-db-1': 'no',
    'shop-db-1 shop-web-1': 'no',
    'shop-db-1 shop-old-1': 'down',
    'shy-1 shy-2': 'no',
    'shy-1 shop-web-1': 'port',
    'onhost shop-db-1': 'network',
    'shop-web-1 onhost': 'network',
    'alone shop-web-1': 'no',
    'sidecar shop-db-1': 'network',
    'sidecar shop-api-1': 'network',
    'alone alone': 'self',
  }
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map(pair => [pair, how(pair)])), expected)
  const yes = (test: (name: string) => boolean) => built.containers.map(one => one.name).filter(test)
  assert.deepEqual(
    yes(name => !reaches.leaves(find(name))),
    ['alone', 'sidecar', 'shop-db-1', 'shop-old-1'],
  )
  assert.deepEqual(
    yes(name => reaches.entered(find(name))),
    ['onhost', 'shop-web-1', 'shop-web-2'],
  )
  const document = documentOf(built) as { reaches: Record<string, Record<string, string>>; containers: object[] }
  assert.deepEqual(document.reaches['shop-db-1'], {
    sidecar: 'network',
    'shop-api-1': 'network',
    onhost: 'network',
  })
  assert.equal(document.containers.length, 10)
})

test('built-in networks only when used; a project alone; Docker answers with all addresses', () => {
  const names = (built: ReturnType<typeof buildModel>) => built.networks.map(one => one.name)
  assert.deepEqual(names(model()), ['back', 'empty', 'front', 'shy', 'host', 'none'])
  const shop = buildModel(NETWORKS, CONTAINERS, { balances: false, project: 'shop' })
  assert.deepEqual(names(shop), ['back', 'front'])
  assert.deepEqual(shop.groups, [
    { project: 'shop', service: 'web', mode: 'dnsrr', replicas: ['shop-web-1', 'shop-web-2'], serving: 2 },
  ])
})

test('fits the terminal, ASCII where there is no more, no colour unless asked for', () => {
  for (const columns of [60, 80, 120]) {
    for (const line of renderText(model(), { columns }).split('\n')) {
      assert.ok(textWidth(line) <= columns, `${columns}: ${line}`)
    }
  }
  const ascii = renderText(model(), { unicode: false, columns: 80 })
  assert.doesNotMatch(ascii, /[^\n -~]/)
  assert.match(renderText(model(), { colour: true }), /\x1b\[32m●/)
  assert.equal(renderText(buildModel([], [], { balances: true })), 'nothing to draw\n')
})

test('an SVG is well formed, and names cannot break out of it', () => {
  const nasty = '<script>"&\x01\'x'
  const built = buildModel([network(nasty)], [container(nasty, { [nasty]: '10.1.0.2' })], { balances: true })
  const svg = renderSvg(built)
  checkXml(svg)
  assert.match(svg, /&lt;script&gt;&quot;&amp;&#39;x/)
  assert.doesNotMatch(svg, /<script|href|NaN|undefined/)
  const whole = renderSvg(model())
  checkXml(whole)
  for (const { name } of [...model().containers, ...model().networks]) assert.ok(whole.includes(`data-name="${name}"`))
  assert.equal(whole.match(/<circle/g)!.length, 11)
  checkXml(renderSvg(buildModel([], [], { balances: true })))
})

test('200 containers on 40 networks: quick, one line each, and the matrix is of services', () => {
  const networks = Array.from({ length: 40 }, (_, i) => network(`net${i}`))
  const containers = Array.from({ length: 200 }, (_, i) =>
    container(
      `big-s${i % 20}-${i}`,
      { [`net${i % 20}`]: `10.${i % 20}.0.${i}`, [`net${20 + (i % 20)}`]: `10.${i % 20}.1.${i}` },
      { service: `s${i % 20}`, project: 'big' },
    ),
  )
  const began = performance.now()
  const built = buildModel(networks, containers, { balances: true })
  const text = renderText(built, { columns: 100 })
  const svg = renderSvg(built)
  assert.ok(performance.now() - began < 2000)
  assert.equal(text.match(/^[^\n]*●[^\n]*big-s/gm)!.length, 200)
  assert.match(text, /s19 ×10/)
  checkXml(svg)
  const alone = buildModel(
    Array.from({ length: 500 }, (_, i) => network(`n${i}`)),
    [],
    { balances: true },
  )
  assert.equal(renderText(alone).split('\n').filter(Boolean).length, 500)
})

test('a container on very many networks still fits', () => {
  const networks = Array.from({ length: 60 }, (_, i) => network(`net${i}`))
  const all = Object.fromEntries(networks.map((one, i) => [one.Name, `10.0.0.${i}`]))
  const text = renderText(buildModel(networks, [container('hub', all)], { balances: true }), { columns: 80 })
  for (const line of text.split('\n')) assert.ok(textWidth(line) <= 80, line)
})

/** Every element closed in order, every attribute quoted, every ampersand an entity. */
function checkXml(xml: string): void {
  const open: string[] = []
  const rest = xml
    .replace(/^<\?xml[^?]*\?>/, '')
    .replace(
      /<(\/?)([a-z]+)((?: [\w:-]+="[^"<&]*(?:&[a-z#0-9]+;[^"<&]*)*")*)(\/?)>/g,
      (_, end: string, name: string, _attributes, empty: string) => {
        if (end) assert.equal(open.pop(), name)
        else if (!empty) open.push(name)
        return ''
      },
    )
  assert.deepEqual(open, [])
  assert.doesNotMatch(rest, /[<>]|&(?![a-z#0-9]+;)/)
}
