import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { pieces, targetsSuite } from '#ports/targets.suite.ts'
import { openTarget } from '../index.ts'
import { parsePlace } from '../url.ts'
import { SshTarget } from './target.ts'

const made: string[] = []
const directory = () => {
  made.push(mkdtempSync(join(tmpdir(), 'berth-ssh-target-')))
  return made.at(-1)!
}
after(() => made.forEach(path => rmSync(path, { recursive: true, force: true })))

/**
 * A program in the place of ssh(1): runs what it is told here, with the given shell and path, as a login shell there would. The
 * lines come before that.
 */
function standIn(options: { shell?: string; path?: string; lines?: string } = {}): string {
  const file = join(directory(), 'ssh')
  const { shell = 'sh', path = process.env['PATH'] ?? '', lines = '' } = options
  const text = `#!/bin/sh\nfor last; do :; done\n${lines}\nPATH='${path}' exec ${shell} -c "$last"\n`
  writeFileSync(file, text, { mode: 0o755 })
  return file
}

const place = (path: string, ssh: string) => openTarget(`ssh://user@host${path}`, { ...process.env, BERTH_SSH: ssh })

/** A path with nothing but busybox's programs, whose sh(1) the scripts then are run by. */
function busyboxPath(): string {
  const bin = directory()
  for (const name of [
    'sh',
    'cat',
    'dd',
    'find',
    'ls',
    'mkdir',
    'mv',
    'rm',
    'sha256sum',
    'sleep',
    'stat',
    'sync',
    'tail',
  ]) {
    symlinkSync(spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim(), join(bin, name))
  }
  return bin
}
const busybox = spawnSync('busybox', ['true']).status === 0

targetsSuite('ssh, sh', async () => ({ target: await place(directory(), standIn()) }))
targetsSuite('ssh, bash', async () => ({ target: await place(directory(), standIn({ shell: 'bash' })) }))
targetsSuite(
  'ssh, busybox alone',
  async () => {
    const path = busyboxPath()
    return { target: await place(directory(), standIn({ shell: `${path}/sh`, path })) }
  },
  !busybox && 'no busybox(1) here',
)

/** Ends everything of a connection after so many bytes of upload, the first `times` times. */
const breaking = (counter: string, times: number, bytes: number) =>
  `n=$(cat ${counter} 2>/dev/null || echo 0)
echo $((n + 1)) >${counter}
if [ "$n" -lt ${times} ]; then head -c ${bytes} | sh -c "$last"; echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255; fi`

const patient = (path: string, ssh: string, delays = [1, 1, 1]) => {
  const parsed = parsePlace(`ssh://user@host${path}`)
  assert.ok(parsed.kind === 'ssh')
  return new SshTarget(parsed, { ...process.env, BERTH_SSH: ssh }, delays)
}

test('an upload goes on over new connections when one breaks, and tells so', async () => {
  const path = directory()
  const counter = join(directory(), 'count')
  const target = patient(path, standIn({ lines: breaking(counter, 5, 3_000_000) }))
  const content = randomBytes(20_000_000)
  const waits: string[] = []
  const put = await target.put('a', pieces(content), { onWait: reason => waits.push(reason) })
  assert.equal(put.bytes, content.length)
  assert.deepEqual(readFileSync(join(path, 'a')), content)
  assert.deepEqual(readdirSync(path), ['a'])
  assert.match(waits[0]!, /user@host.*Broken pipe: trying again in 1 ms \(1 of 3\)/)
  assert.ok(waits.includes(''))
})

test('it gives up after its tries, keeps the part for a token, and the next put needs only the rest', async () => {
  const path = directory()
  const counter = join(directory(), 'count')
  const target = patient(path, standIn({ lines: breaking(counter, 1_000, 0) }), [1])
  const first = patient(path, standIn({ lines: breaking(join(directory(), 'c'), 1, 35_000_000) }), [])
  const content = randomBytes(40_000_000)
  let token = ''
  const onToken = (given: string) => (token = given)
  await assert.rejects(first.put('a', pieces(content), { onToken }), /Broken pipe/)
  assert.deepEqual(readdirSync(path), [`.a.part-${token}`])
  const before = statSync(join(path, `.a.part-${token}`)).ino
  await assert.rejects(target.put('a', pieces(content), { onToken, resume: token }))
  const progress: number[] = []
  const good = patient(path, standIn())
  await good.put('a', pieces(content), { resume: token, onToken, onProgress: bytes => progress.push(bytes) })
  assert.deepEqual(progress.slice(0, 2), [16 * 1024 * 1024, 32 * 1024 * 1024])
  assert.deepEqual(readFileSync(join(path, 'a')), content)
  assert.equal(statSync(join(path, 'a')).ino, before)
})

test('a download goes on where it broke', async () => {
  const path = directory()
  const content = randomBytes(9_000_000)
  writeFileSync(join(path, 'a'), content)
  const counter = join(directory(), 'count')
  const lines = `n=$(cat ${counter} 2>/dev/null || echo 0)
echo $((n + 1)) >${counter}
if [ "$n" -lt 4 ]; then sh -c "$last" | head -c 2000000; echo 'Connection reset by peer' >&2; exit 255; fi`
  const waits: string[] = []
  const stream = await patient(path, standIn({ lines })).open('a', 3, { onWait: reason => waits.push(reason) })
  assert.deepEqual(await buffer(stream), content.subarray(3))
  assert.equal(waits.filter(one => one !== '').length, 4)
})

test('an answer that was lost: the backup is there all the same', async () => {
  const path = directory()
  const counter = join(directory(), 'count')
  // The second connection is the one that renames.
  const lines = `n=$(cat ${counter} 2>/dev/null || echo 0)
echo $((n + 1)) >${counter}
if [ "$n" = 1 ]; then sh -c "$last" >/dev/null; exit 255; fi`
  await patient(path, standIn({ lines })).put('a', pieces(Buffer.from('content')))
  assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'content')
})

test('what arrived damaged is refused and removed', async () => {
  const path = directory()
  const lines = `case $last in *conv=notrunc*) sh -c "$(echo "$last" | sed 's/seek="\\$k" conv/seek="$k" count=1 conv/')"; exit;; esac`
  const bad = patient(path, standIn({ lines }))
  await assert.rejects(bad.put('a', pieces(randomBytes(3_000_000))), /what arrived at user@host is not what was sent/)
  assert.deepEqual(readdirSync(path), [])
})

test('each thing that is wrong in clear words', async () => {
  const says = (stderr: string, code = 255) => standIn({ lines: `echo '${stderr}' >&2; exit ${code}` })
  const cases: [string, RegExp][] = [
    ['ssh: Could not resolve hostname host: Name or service not known', /unknown host user@host/],
    ['ssh: connect to host host port 22: Connection refused', /cannot reach user@host by ssh: .*Connection refused/],
    ['user@host: Permission denied (publickey).', /user@host refuses the login: .*ssh-copy-id/],
    ['Host key verification failed.', /host key of user@host is not known, or another one now: connect once/],
  ]
  for (const [stderr, words] of cases) {
    // At the first contact nothing is waited for.
    await assert.rejects(patient('/srv', says(stderr), [60_000]).put('a', pieces(Buffer.from('x'))), words)
    await assert.rejects(patient('/srv', says(stderr), [60_000]).list(), words)
  }
  const here = directory()
  await assert.rejects(
    patient(`${here}/absent`, standIn()).put('a', pieces(Buffer.from('x'))),
    /absent\/ on user@host: no such directory/,
  )
  await assert.rejects(patient(here, standIn()).open('absent'), /absent on user@host: no such backup/)
  await assert.rejects(patient(here, join(here, 'none')).list(), /cannot run BERTH_SSH: .*none/)
  mkdirSync(join(here, 'd'))
  await assert.rejects(patient(here, standIn()).put('d', pieces(Buffer.from('x'))), /d on user@host is a directory/)
})

test('a list looks only where names with its prefix can be', async () => {
  const here = directory()
  for (const path of ['a[1]-x', 'a1-y', 'a[1]/b', 'sub/a[1]-z', 'other/deep/c']) {
    mkdirSync(join(here, path, '..'), { recursive: true })
    writeFileSync(join(here, path), '')
  }
  const target = patient(here, standIn())
  const names = async (prefix?: string) => (await target.list(prefix)).map(one => one.name)
  assert.deepEqual(await names('a[1]'), ['a[1]-x', 'a[1]/b'])
  assert.deepEqual(await names('sub/a['), ['sub/a[1]-z'])
  assert.deepEqual(await names('none/'), [])
  assert.deepEqual(await names(), ['a1-y', 'a[1]-x', 'a[1]/b', 'other/deep/c', 'sub/a[1]-z'])
  await assert.rejects(target.list('../x/'), /invalid name/)
  const log = join(here, 'log')
  const watched = patient(here, standIn({ lines: `PATH="${here}:$PATH"; echo "$last" >>'${log}'` }))
  await watched.list('a1')
  assert.match(readFileSync(log, 'utf8'), /-prune/)
})

test('a full disk at the far end', async () => {
  const path = directory()
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]).status, 0)
  try {
    const put = patient(path, standIn()).put('large', pieces(Buffer.alloc(8_000_000, 1)))
    await assert.rejects(put, /no space left on user@host for .*large/)
    assert.deepEqual(readdirSync(path), [])
  } finally {
    // A program there that slept may still be about to end.
    spawnSync('umount', ['-l', path])
  }
})

test('without a digest program there, sizes must do', async () => {
  if (!busybox) return
  const path = busyboxPath()
  rmSync(join(path, 'sha256sum'))
  const here = directory()
  const target = await place(here, standIn({ shell: `${path}/sh`, path }))
  const content = randomBytes(500_000)
  await target.put('a', pieces(content))
  assert.deepEqual(readFileSync(join(here, 'a')), content)
})

test('more than may be under way, with a slow reader there', async () => {
  const here = directory()
  chmodSync(here, 0o700)
  const target = patient(here, standIn())
  const piece = randomBytes(1_000_000)
  const many = Readable.from(
    (async function* () {
      for (let count = 0; count < 150; count++) yield piece
    })(),
    { objectMode: false },
  )
  assert.equal((await target.put('a', many)).bytes, 150_000_000)
  assert.equal(statSync(join(here, 'a')).size, 150_000_000)
})

test('a put that is given up ends at once, whatever the far end was about to say', { timeout: 20_000 }, async () => {
  for (const lines of ['exec sleep 1000', 'echo size 0; exec sleep 1000']) {
    const target = await place('/srv', standIn({ lines }))
    const giveUp = new AbortController()
    setTimeout(() => giveUp.abort(new Error('given up')), 300)
    // With a token, nothing need be cleared away there.
    const options = { signal: giveUp.signal, onToken: () => {} }
    await assert.rejects(target.put('data', pieces(Buffer.alloc(1000)), options), /given up/)
    await target.close()
  }
})
