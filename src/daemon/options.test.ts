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

const refused: [string, unknown, string[], RegExp][] = [
  ['unknown key', { colour: 1 }, [], /unknown key colour/],
  ['no JSON', '{', [], /not JSON/],
  ['a list', [], [], /JSON object/],
  ['flag and file disagree', { 'data-root': '/a' }, ['--data-root', '/b'], /data-root is given both/],
  ['a key that nothing would heed', { mtu: 1400 }, [], /unknown key mtu/],
  ['an unknown flag', {}, ['--colour'], /bad daemon flags/],
]
for (const [name, document, argv, message] of refused) {
  test(`refuses ${name}`, () => {
    withConfig(document, path => {
      assert.throws(() => parseDaemonOptions([...argv, '--config-file', path]), { kind: 'invalid', message })
    })
  })
}
