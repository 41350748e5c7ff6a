import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Explanation } from '#model/explain.ts'
import { parseTarget } from '../core/target.ts'
import { fakeDaemon } from '../testing/fake-daemon.ts'

test('targets', () => {
  const texts = ['db', 'db:5432', 'db:53/udp', 'db/udp', '[fd00::1]:80', 'fd00::1', '10.0.0.1:1/tcp']
  assert.deepEqual(
    texts.map(text => Object.values(parseTarget(text)).join(' ')),
    ['db 0 tcp', 'db 5432 tcp', 'db 53 udp', 'db 0 udp', 'fd00::1 80 tcp', 'fd00::1 0 tcp', '10.0.0.1 1 tcp'],
  )
  for (const text of ['', ':80', 'db:', 'db:x', 'db:99999', '[db]:80', 'a b']) {
    assert.throws(() => parseTarget(text), /invalid target/, text)
  }
})

test('compose explain: exit codes, JSON, and nothing is asked of a daemon', async t => {
  const daemon = await fakeDaemon(t, {})
  const file = join(daemon.directory, 'compose.yaml')
  writeFileSync(
    file,
    `services:
  web: {image: x, networks: [front]}
  database: {image: x, networks: [back]}
  debug: {image: x, networks: [front], profiles: [debug]}
networks: {front: , back: {external: true}}
`,
  )
  const explain = (...args: string[]) => daemon.berth(['compose', '-f', file, 'explain', ...args])
  const text = await explain('web', 'database')
  assert.equal(text.code, 1, text.stderr)
  assert.match(text.stdout, /^blocked: web and database share no network$/m)
  const json = await explain('--format', 'json', 'web', 'debug:80')
  assert.equal(json.code, 1)
  const { cause, port, protocol } = JSON.parse(json.stdout) as Explanation
  assert.deepEqual([cause?.code, cause?.fix], ['target-not-running', 'berth compose --profile debug up -d debug'])
  assert.deepEqual([port, protocol], [80, 'tcp'])
  assert.equal((await explain('web', 'internet')).code, 0)
  assert.equal((await explain('database', 'internet')).code, 2)
  const typo = await explain('web', 'databse')
  assert.equal(typo.code, 1)
  assert.match(typo.stderr, /Did you mean database\?/)
  for (const args of [['nobody', 'web'], ['web', 'database:x'], ['web'], ['--format', 'yaml', 'web', 'database']]) {
    assert.equal((await explain(...args)).code, 125, args.join(' '))
  }
  assert.deepEqual(daemon.seen, [])
})
