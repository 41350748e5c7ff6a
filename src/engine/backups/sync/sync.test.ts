import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BerthError, notFound, system } from '#lib/errors.ts'
import type { SyncLine, SyncRequest } from '#model/sync.ts'
import { FakeTargets } from '#ports/testing/fake-targets.ts'
import { FakeVolumeTrees } from '#ports/testing/fake-volume-tree.ts'
import { decide } from './decide.ts'
import { pathFilter } from './filters.ts'
import { compareBytes, pairs } from './pairs.ts'
import { Syncing } from './sync.ts'

const URL = 's3://bucket/prefix'
const request = (more: Partial<SyncRequest> = {}): SyncRequest => ({
  volume: 'v',
  target: URL,
  direction: 'to',
  delete: false,
  dryRun: false,
  sizeOnly: false,
  exactTimestamps: false,
  filters: [],
  environment: { AWS_ACCESS_KEY_ID: 'id' },
  ...more,
})

async function rig(files: Record<string, string>, objects: Record<string, string>) {
  const targets = new FakeTargets()
  const trees = new FakeVolumeTrees()
  const tree = await trees.open('/volumes/v')
  const place = await targets.objects(URL, {})
  for (const [path, text] of Object.entries(files)) {
    const file = { path, size: text.length, modified: 1_000_000, mode: 0o600, uid: 1, gid: 2 }
    tree.files.set(path, { bytes: Buffer.from(text), file })
  }
  for (const [name, text] of Object.entries(objects)) {
    place.objects.set(name, { bytes: Buffer.from(text), modified: 2_000_000, metadata: {} })
  }
  const mounts: string[] = []
  const volumes = {
    get(name: string) {
      if (name !== 'v') throw notFound(`get ${name}: no such volume`)
      return {} as never
    },
    async mount(name: string, user: string) {
      mounts.push(user)
      return `/volumes/${name}`
    },
    async unmount(_name: string, user: string) {
      assert.equal(mounts.pop(), user)
    },
  }
  const syncing = new Syncing({ volumes, targets, trees, randomHex: digits => 'a'.repeat(digits) })
  const run = async (more: Partial<SyncRequest> = {}, signal = new AbortController().signal) => {
    const lines: SyncLine[] = []
    const total = await syncing
      .run(request(more), line => lines.push(line), signal)
      .finally(() => {
        assert.deepEqual(mounts, [], 'nothing stays mounted')
      })
    const told = lines.map(line => ('path' in line ? `${line.action} ${line.path}` : line.action))
    return { lines, told: told.sort(), total }
  }
  return { tree, place, targets, syncing, run }
}

test('to S3: what is missing or differs is sent, with owner and mode; the rest is left', async () => {
  const { run, place, targets } = await rig(
    { a: 'new', 'd/b': 'same', c: 'longer' },
    { 'd/b': 'same', c: 'short', x: 'extra' },
  )
  const { told, total } = await run()
  assert.deepEqual(told, ['total', 'upload a', 'upload c'])
  assert.deepEqual(place.objects.get('a')?.metadata, { uid: '1', gid: '2', mode: String(0o100600) })
  assert.deepEqual(total, { compared: 4, transferred: 2, bytes: 9, deleted: 0, failed: 0, skipped: 0 })
  assert.equal(place.closed, 1)
  assert.deepEqual(targets.opened.at(-1), { url: URL, environment: { AWS_ACCESS_KEY_ID: 'id' } })
  assert.deepEqual((await run({ delete: true })).told, ['delete x', 'total'])
  assert.deepEqual((await run({ delete: true })).told, ['total'])
})

test('from S3: content, time of the object, owner and mode where it has them', async () => {
  const { run, tree, place } = await rig({ gone: 'x', same: 'same' }, { a: 'A', 'd/b': 'B', same: 'SAME' })
  place.objects.get('a')!.metadata = { uid: '1000', gid: '100', mode: '33256', mtime: '1' }
  place.objects.get('d/b')!.metadata = { uid: 'root', mode: '-1' }
  assert.deepEqual((await run({ direction: 'from', dryRun: true, delete: true })).told, [
    'delete gone',
    'download a',
    'download d/b',
    'total',
  ])
  assert.equal(tree.files.has('a'), false)
  assert.deepEqual((await run({ direction: 'from', delete: true })).told, [
    'delete gone',
    'download a',
    'download d/b',
    'total',
  ])
  assert.deepEqual(tree.files.get('a')!.file, {
    path: 'a',
    size: 1,
    modified: 2_000_000,
    mode: 0o750,
    uid: 1000,
    gid: 100,
  })
  assert.deepEqual([tree.files.get('d/b')!.file.mode, tree.files.get('d/b')!.file.uid], [0o644, 0])
  assert.equal(tree.files.has('gone'), false)
})

test('what is deleted is asked for once more: a list out of order deletes nothing', async () => {
  const { run, tree, place } = await rig({ a: '1', b: '2', c: '3' }, { a: '1', b: '2', c: '3' })
  const { list } = place
  place.list = async function* () {
    const all = []
    for await (const one of list.call(place)) all.push(one)
    yield* all.reverse()
  }
  await run({ direction: 'from', delete: true })
  assert.deepEqual(Array.from(tree.files.keys()).sort(), ['a', 'b', 'c'])
  await run({ direction: 'to', delete: true })
  assert.deepEqual(Array.from(place.objects.keys()).sort(), ['a', 'b', 'c'])
})

test('a file that fails is told, and the others go on; what fails for all ends it', async () => {
  const { run, place, tree } = await rig({ a: '1', b: '2', c: '3' }, {})
  place.failing.set('b', system('the server does not like b'))
  tree.skipped.set('pipe', 'a pipe, not a file')
  const { lines, total } = await run()
  assert.deepEqual([total.transferred, total.failed, total.skipped], [2, 1, 1])
  assert.ok(lines.some(line => line.action === 'failed' && line.path === 'b' && /does not like b/.test(line.reason)))
  place.objects.clear()
  place.failing.set('b', new BerthError('unauthenticated', 'wrong credentials'))
  await assert.rejects(run(), /wrong credentials/)
})

test('one at a time for a volume; an absent one and another place are refused; it can be ended', async () => {
  const { run, syncing, place } = await rig({ a: '1' }, {})
  await assert.rejects(run({ volume: 'none' }), /no such volume/)
  await assert.rejects(run({ target: '/srv' }), /no objects/)
  const abort = new AbortController()
  place.put = (_name, content, { signal }) =>
    new Promise((_, reject) => {
      content.destroy()
      signal!.addEventListener('abort', () => reject(signal!.reason as Error))
    })
  const first = syncing.run(request(), () => {}, abort.signal)
  await assert.rejects(
    syncing.run(request(), () => {}, abort.signal),
    /being synchronized already/,
  )
  setImmediate(() => abort.abort(new Error('enough')))
  await assert.rejects(first, /enough/)
})

test('the rules of comparison', () => {
  const file = (size: number, modified: number) => ({ path: 'p', size, modified, mode: 0, uid: 0, gid: 0 })
  const object = (size: number, modified: number) => ({ name: 'p', size, modified })
  const rules = { direction: 'to', delete: false, sizeOnly: false, exactTimestamps: false } as const
  const to = (f: [number, number], o: [number, number], more = {}) =>
    decide({ path: 'p', file: file(...f), object: object(...o) }, { ...rules, ...more })
  assert.equal(to([1, 5000], [1, 5000]), undefined)
  assert.equal(to([1, 6000], [1, 5000]), 'upload')
  assert.equal(to([1, 6000], [1, 5000], { sizeOnly: true }), undefined)
  assert.equal(to([2, 1000], [1, 5000], { sizeOnly: true }), 'upload')
  const from = (f: [number, number], o: [number, number], more = {}) => to(f, o, { direction: 'from', ...more })
  assert.equal(from([1, 5999], [1, 5000]), undefined)
  assert.equal(from([1, 6000], [1, 5000]), 'download')
  assert.equal(from([1, 1000], [1, 5000]), undefined)
  assert.equal(from([1, 1000], [1, 5000], { exactTimestamps: true }), 'download')
  assert.equal(from([2, 1000], [1, 5000]), 'download')
  const bad = (path: string, size = 1) =>
    decide({ path, object: { name: path, size, modified: 0 } }, { ...rules, direction: 'from' })
  for (const key of ['../x', 'a/../b', '/etc/passwd', 'a//b', './a', 'a/', `${'x'.repeat(256)}/a`, 'nul\0']) {
    assert.ok(typeof bad(key) === 'object', key)
  }
  assert.equal(bad('directory/', 0), undefined)
  assert.equal(bad('a/..b/c...'), 'download')
})

test('patterns, as the AWS command line has them', () => {
  const filter = (...patterns: string[]) =>
    pathFilter(patterns.map(one => ({ take: one.startsWith('+'), pattern: one.slice(1) })))
  const all = ['a.txt', 'd/b.txt', 'd/c.log', 'e']
  const taken = (...patterns: string[]) => all.filter(filter(...patterns))
  assert.deepEqual(taken(), all)
  assert.deepEqual(taken('-*.txt'), ['d/c.log', 'e'])
  assert.deepEqual(taken('-*', '+*.txt'), ['a.txt', 'd/b.txt'])
  assert.deepEqual(taken('+*.txt', '-*'), [])
  assert.deepEqual(taken('-d/*', '+d/c.?og'), ['a.txt', 'd/c.log', 'e'])
  assert.deepEqual(taken('-[ae]*'), ['d/b.txt', 'd/c.log'])
  assert.deepEqual(taken('-[!a]*'), ['a.txt'])
  assert.deepEqual(['a[b', 'a^', 'x'].filter(filter('-a[b', '-[\\^]')), ['a^', 'x'])
})

test('two lists become one, in the order of bytes', async () => {
  const names = ['a', 'a/b', 'é', '\uff5e', '\u{1f600}']
  assert.deepEqual(
    names.toSorted(compareBytes),
    names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
  async function* files() {
    for (const path of ['a', 'c', 'd']) yield { file: { path, size: 1, modified: 1, mode: 0, uid: 0, gid: 0 } }
  }
  async function* objects() {
    for (const name of ['b', 'c', 'e']) yield { name, size: 1, modified: 1 }
  }
  const seen: string[] = []
  for await (const { path, file, object } of pairs(files(), objects()))
    seen.push(`${path}${file ? '<' : ''}${object ? '>' : ''}`)
  assert.deepEqual(seen, ['a<', 'b>', 'c<>', 'd<', 'e>'])
})
