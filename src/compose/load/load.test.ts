import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadProject, type LoadOptions } from './load.ts'

let root: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-load-'))
})
after(() => rmSync(root, { recursive: true }))

let count = 0
function project(files: Record<string, string>, options: Partial<LoadOptions> = {}) {
  const cwd = join(root, `p${count++}`)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true })
    writeFileSync(join(cwd, name), text)
  }
  return loadProject({ files: [], cwd, env: {}, warn: () => {}, ...options })
}

test('writes short forms out', async () => {
  const { services, networks, name } = await project({
    'compose.yaml': `
name: shop
services:
  web:
    image: nginx
    command: nginx -g "daemon off;"
    ports: ["8080:80", "127.0.0.1:5000-5001:6000-6001/udp", "[::1]:90:91", "70", "9000-9010:80"]
    volumes: ["data:/data:ro", "./html:/html", "/anon", {type: tmpfs, target: /t, tmpfs: {size: 10m}}]
    environment: [A=1, B]
    depends_on: [db]
    healthcheck: {test: "true", interval: 1m30s}
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 64M}}}
  db:
    image: postgres
    networks: {back: {aliases: [d], ipv4_address: 10.0.0.2}}
networks:
  back: {internal: true}
volumes:
  data:
`,
  })
  const web = services['web']!
  assert.equal(name, 'shop')
  assert.deepEqual(web.command, ['nginx', '-g', 'daemon off;'])
  assert.deepEqual(
    web.ports.map(port => `${port.host_ip}|${port.published}|${port.target}|${port.protocol}`),
    [
      '|8080|80|tcp',
      '127.0.0.1|5000|6000|udp',
      '127.0.0.1|5001|6001|udp',
      '::1|90|91|tcp',
      '||70|tcp',
      '|9000-9010|80|tcp',
    ],
  )
  assert.deepEqual(
    web.volumes.map(volume => [volume.type, volume.source?.replace(/.*\/p\d+/, '.'), volume.target, volume.read_only]),
    [
      ['volume', 'data', '/data', true],
      ['bind', './html', '/html', undefined],
      ['volume', undefined, '/anon', undefined],
      ['tmpfs', undefined, '/t', undefined],
    ],
  )
  assert.deepEqual(web.environment, { A: '1' })
  assert.deepEqual(web.depends_on, { db: { condition: 'service_started', restart: false, required: true } })
  assert.deepEqual(web.healthcheck, { test: ['CMD-SHELL', 'true'], interval: 90e9 })
  assert.deepEqual(web.deploy?.resources?.limits, { cpus: 0.5, memory: 64 * 1024 * 1024 })
  assert.deepEqual(Object.keys(web.networks), ['default'])
  assert.equal(networks['back']!.name, 'shop_back')
  assert.equal(networks['default']!.name, 'shop_default')
})

test('merges an override, takes .env and the shell, and follows extends', async () => {
  const { services } = await project(
    {
      '.env': 'TAG=from-file\nPORT=1',
      'compose.yml': `
services:
  web:
    extends: {file: base/common.yaml, service: base}
    image: web:\${TAG}
    ports: ["\${PORT}:80"]
    environment: {A: 1, C: base}
    command: [a]
`,
      'compose.override.yml': `
services:
  web:
    environment: [C=over]
    command: [b]
    ports: ["2:80"]
`,
      'base/common.yaml': `
services:
  base:
    labels: [l=1]
    volumes: ["./x:/x"]
    environment: {A: 0, B: "\${TAG}"}
`,
    },
    { env: { PORT: '7' } },
  )
  const web = services['web']!
  assert.equal(web.image, 'web:from-file')
  assert.deepEqual(web.environment, { A: '1', B: 'from-file', C: 'over' })
  assert.deepEqual(web.command, ['b'])
  assert.deepEqual(
    web.ports.map(port => port.published),
    ['7', '2'],
  )
  assert.match(web.volumes[0]!.source!, /\/base\/x$/)
  assert.deepEqual(web.labels, { l: '1' })
})

test('profiles keep services out, and warn of unset variables', async () => {
  const warnings: string[] = []
  const text = 'services:\n  a: {image: "x$NOPE"}\n  b: {image: y, profiles: [debug]}\n'
  const off = await project({ 'compose.yaml': text }, { warn: message => warnings.push(message) })
  const on = await project({ 'compose.yaml': text }, { profiles: ['debug'] })
  assert.deepEqual([Object.keys(off.services), off.disabled, Object.keys(on.services)], [['a'], ['b'], ['a', 'b']])
  assert.deepEqual(warnings, ['The "NOPE" variable is not set. Defaulting to a blank string.'])
})

const refused: [string, string, RegExp][] = [
  [
    'an unknown key',
    'services:\n  web:\n    image: x\n    prots: []\n',
    /compose.yaml:3:5: services\.web additional property 'prots'/,
  ],
  [
    'a wrong type',
    'services:\n  web:\n    image: x\n    ports: 80\n',
    /compose.yaml:4:12: services\.web\.ports must be a list/,
  ],
  [
    'a bad port',
    'services:\n  web:\n    image: x\n    ports: ["99999:80"]\n',
    /services\.web\.ports\[0\] has an invalid port/,
  ],
  ['bad YAML', 'services:\n  web: [\n', /compose.yaml:\d+:\d+: /],
  ['a duplicate key', 'services:\n  a: {image: x}\n  a: {image: y}\n', /compose.yaml:3:3: .*unique/],
  ['an unknown section', 'service: {}\n', /service is not a property of a Compose file/],
  ['no image', 'services: {a: {}}', /service "a" has neither an image nor a build context/],
  ['an undefined network', 'services: {a: {image: x, networks: [n]}}', /refers to undefined network n/],
  ['an undefined volume', 'services: {a: {image: x, volumes: ["v:/v"]}}', /refers to undefined volume v/],
  ['an unknown dependency', 'services: {a: {image: x, depends_on: [b]}}', /depends on undefined service "b"/],
  [
    'a circle',
    'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}',
    /dependency cycle detected: a -> b -> a/,
  ],
  [
    'a circle of extends',
    'services: {a: {image: x, extends: b}, b: {image: x, extends: a}}',
    /extends itself in a circle/,
  ],
  [
    'a missing variable',
    'services: {a: {image: "${X:?no X}"}}',
    /services\.a\.image: required variable X is missing a value: no X/,
  ],
  [
    'an external network with options',
    'networks: {n: {external: true, driver: bridge}}',
    /is external, so driver cannot be set/,
  ],
]
for (const [name, text, message] of refused) {
  test(`refuses ${name}`, async () => {
    await assert.rejects(project({ 'compose.yaml': text }), { kind: 'invalid', message })
  })
}

test('no file is not found', async () => {
  mkdirSync(join(root, 'none'))
  await assert.rejects(loadProject({ files: [], cwd: join(root, 'none'), env: {}, warn: () => {} }), {
    kind: 'not-found',
    message: 'no configuration file provided: not found',
  })
})
