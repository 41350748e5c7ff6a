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
       --insecure-registry h:1 --log-opt max-size=1m --config-file ${path}`.split(/\s+/),
    ),
  )
  assert.deepEqual(options.hosts, ['unix:///tmp/a.sock', 'tcp://127.0.0.1:2376'])
  assert.equal(options.dataRoot, '/d')
  assert.equal(options.pidfile, '/e/berth.pid')
  assert.equal(options.debug, true)
  assert.deepEqual(options.logOpts, { 'max-size': '1m' })
})

test('the configuration file says the same things in its own words', () => {
  const document = {
    hosts: ['unix:///x'],
    'default-address-pools': [{ base: '10.9.0.0/16', size: 24 }],
    'live-restore': true,
  }
  const options = withConfig(document, path => parseDaemonOptions(['--config-file', path]))
  assert.deepEqual(options.hosts, ['unix:///x'])
  assert.deepEqual(options.addressPools, [{ base: '10.9.0.0/16', size: 24 }])
})

const refused: [string, unknown, string[], RegExp][] = [
  ['unknown key', { colour: 1 }, [], /unknown key colour/],
  ['no JSON', '{', [], /not JSON/],
  ['a list', [], [], /JSON object/],
  ['flag and file disagree', { 'data-root': '/a' }, ['--data-root', '/b'], /data-root is given both/],
  ['a bad mtu', { mtu: 3 }, [], /mtu must be/],
  ['a bad pool', { 'default-address-pools': [{ base: 1 }] }, [], /base=CIDR,size=BITS/],
  ['an unknown flag', {}, ['--colour'], /bad daemon flags/],
]
for (const [name, document, argv, message] of refused) {
  test(`refuses ${name}`, () => {
    withConfig(document, path => {
      assert.throws(() => parseDaemonOptions([...argv, '--config-file', path]), { kind: 'invalid', message })
    })
  })
}
