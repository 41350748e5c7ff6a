import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseDaemonOptions } from './options.ts'

function withConfig<T>(document: unknown, use: (path: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'berth-options-'))
  try {
    const path = join(dir, 'daemon.json')
    writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document))
    return use(path)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

test('flags of dockerd have their meaning', () => {
  const options = withConfig({}, path =>
    parseDaemonOptions(
      `-H unix:///tmp/a.sock --host tcp://127.0.0.1:2376 --data-root /d --exec-root /e -D --registry-mirror http://m
       --insecure-registry h:1 --config-file ${path}`.split(/\s+/),
    ),
  )
  assert.deepEqual(options.hosts, ['unix:///tmp/a.sock', 'tcp://127.0.0.1:2376'])
  assert.equal(options.dataRoot, '/d')
  assert.equal(options.pidfile, '/e/berth.pid')
  assert.equal(options.debug, true)
  assert.deepEqual([options.registryMirrors, options.insecureRegistries], [['http://m'], ['h:1']])
})

test('the configuration file says the same things in its own words', () => {
  const document = {
    hosts: ['unix:///x'],
    bip: '10.9.0.1/24',
    'live-restore': true,
  }
  const options = withConfig(document, path => parseDaemonOptions(['--config-file', path]))
  assert.deepEqual(options.hosts, ['unix:///x'])
  assert.equal(options.bip, '10.9.0.1/24')
})

test('address pools, packet size, resolvers and the default network', () => {
  const document = {
    'default-address-pools': [{ base: '10.10.0.0/16', size: 24 }],
    mtu: 1400,
    icc: false,
    dns: ['9.9.9.9'],
  }
  const options = withConfig(document, path => parseDaemonOptions(['--config-file', path, '--ip', '127.0.0.1']))
  assert.deepEqual(options.addressPools, [{ base: '10.10.0.0/16', size: 24 }])
  assert.deepEqual([options.mtu, options.icc, options.dns, options.ip], [1400, false, ['9.9.9.9'], '127.0.0.1'])
  const flags = withConfig({}, path =>
    parseDaemonOptions(['--config-file', path, '--default-address-pool', 'base=10.0.0.0/8,size=20', '--icc=false']),
  )
  assert.deepEqual([flags.addressPools, flags.icc], [[{ base: '10.0.0.0/8', size: 20 }], false])
})

const refused: [string, unknown, string[], RegExp][] = [
  ['unknown key', { colour: 1 }, [], /unknown key colour/],
  ['no JSON', '{', [], /not JSON/],
  ['a list', [], [], /JSON object/],
  ['flag and file disagree', { 'data-root': '/a' }, ['--data-root', '/b'], /data-root is given both/],
  ['a packet size that is none', { mtu: 7 }, [], /invalid mtu 7/],
  ['a pool without a base', {}, ['--default-address-pool', 'size=24'], /base must be an IPv4 subnet/],
  ['a pool of nothing', { 'default-address-pools': [{ base: '10.0.0.0/16', size: 12 }] }, [], /size must be 16 to 30/],
  ['a resolver that is a name', {}, ['--dns', 'localhost'], /invalid dns localhost/],
  ['an unknown flag', {}, ['--colour'], /bad daemon flags/],
]
for (const [name, document, argv, message] of refused) {
  test(`refuses ${name}`, () => {
    withConfig(document, path => {
      assert.throws(() => parseDaemonOptions([...argv, '--config-file', path]), { kind: 'invalid', message })
    })
  })
}
