import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Explanation } from '#model/explain.ts'
import { renderExplanation } from './explanation.ts'
import { isUtf8 } from './locale.ts'

const blocked: Explanation = {
  from: 'web',
  to: 'database',
  port: 5432,
  protocol: 'tcp',
  verdict: 'blocked',
  cause: {
    code: 'no-shared-network',
    summary: 'web and database share no network',
    fix: 'berth network connect backend web',
  },
  others: [{ code: 'not-listening', summary: 'nothing in database listens on port 5432', fix: '' }],
  hops: [
    { kind: 'source', status: 'ok', subject: 'container web', detail: 'is running' },
    { kind: 'network', status: 'fail', subject: 'networks', detail: 'web is on frontend, database on backend' },
    { kind: 'listener', status: 'warn', subject: 'listener', detail: 'none' },
    { kind: 'mtu', status: 'skip', subject: 'path MTU', detail: 'not looked at without a path' },
  ],
}

test('shows hops, verdict, failing hop, cause and what mends it', () => {
  assert.equal(
    renderExplanation(blocked),
    `web → database:5432/tcp

  ✓ container web  is running
  ✗ networks       web is on frontend, database on backend
  ! listener       none
  - path MTU       not looked at without a path

blocked: web and database share no network
at:   networks
mend: berth network connect backend web
then: nothing in database listens on port 5432
`,
  )
})

test('a narrow terminal wraps details under themselves, and ASCII does for a terminal that has no more', () => {
  const text = renderExplanation(blocked, { columns: 44, unicode: false })
  assert.match(text, /^web -> database/)
  assert.match(text, /\n {2}x networks {7}web is on frontend,\n {19}database on backend\n/)
  assert.doesNotMatch(text, /[^\n -~]/)
})

test('colour only when asked for; a reachable path has no cause', () => {
  const fine: Explanation = { ...blocked, verdict: 'reachable', cause: undefined, others: [], hops: [], port: 0 }
  assert.equal(renderExplanation(fine), 'web → database\n\nreachable\n')
  assert.match(renderExplanation(fine, { colour: true }), /\x1b\[32mreachable\x1b\[0m/)
  const lost: Explanation = { ...fine, verdict: 'unknown' }
  assert.match(renderExplanation(lost), /unknown: nothing that was looked at says why/)
})

test('a locale tells whether the terminal draws more than ASCII', () => {
  assert.deepEqual([{}, { LANG: 'C' }, { LANG: 'en_US.UTF-8' }, { LANG: 'en_US.utf8', LC_ALL: 'POSIX' }].map(isUtf8), [
    true,
    false,
    true,
    false,
  ])
})
