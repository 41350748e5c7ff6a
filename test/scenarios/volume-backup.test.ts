import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { generateKey } from '#targets/index.ts'
import { postgresImage } from '../parity/storage-images.ts'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon, type Output } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

// Backups of volumes that real containers use: what is in them, who stands still, and what is left when something goes wrong.

const daemon = new TestDaemon()
const { backups, containers, volumes } = daemon.client
let place = ''
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(async () => {
  await clear(daemon)
  rmSync(place, { recursive: true, force: true })
})

function newPlace(): string {
  return (place = mkdtempSync(join(tmpdir(), 'berth-backups-')))
}

const using = (...names: string[]) => ({ HostConfig: { Binds: names.map(name => `${name}:/${name}`) } })
const stateOf = async (name: string) => (await containers.inspect(name)).State.Status
const says = async (name: string, ...command: string[]) => (await inside(daemon, name, ...command)).stdout.trim()

function ok(output: Output): Output {
  assert.equal(output.code, 0, output.stderr)
  return output
}

/** More than waits between daemon and client. */
const LARGE = 'dd if=/dev/urandom of=/data/large bs=1M count=24 2>/dev/null'

test('there and back: our own archive, and the archives of helper containers both ways', async () => {
  const dir = newPlace()
  await started(daemon, 'user', SLEEP, using('data'))
  const fill =
    'cd /data; mkdir -p a/b; echo hello >a/b/file; ln a/b/file hard; ln -s a/b/file soft; chown 7:8 a; chmod 4711 a/b/file'
  await inside(daemon, 'user', 'sh', '-c', fill)
  const look = 'cd /$0; stat -c "%n %f %h %u %g %Y" . a a/b a/b/file hard soft; cat soft; readlink soft'
  const original = await says('user', 'sh', '-c', look, 'data')

  const { name, volumes: held } = JSON.parse(
    ok(daemon.berth('volume', 'backup', 'data', '-o', `${dir}/`, '--format', 'json')).stdout,
  ) as { name: string; volumes: { consistency: string }[] }
  assert.match(name, /^data-\d{8}T\d{6}Z\.tar\.zst$/)
  assert.equal(held[0]!.consistency, 'live')
  assert.match(ok(daemon.berth('volume', 'verify', '-i', join(dir, name))).stdout, /Whole, and as it was written/)
  ok(daemon.berth('volume', 'restore', 'one', '-i', join(dir, name)))
  assert.equal(await backups.digest('one'), await backups.digest('data'))

  // guide.md's way in, ours out.
  const helper = ['run', '--rm', '-v', `${dir}:/backup`]
  ok(
    daemon.berth(
      ...helper,
      '-v',
      'data:/source:ro',
      'busybox',
      'tar',
      '-czf',
      '/backup/guide.tar.gz',
      '-C',
      '/source',
      '.',
    ),
  )
  const foreign = ok(daemon.berth('volume', 'restore', 'two', '-i', join(dir, 'guide.tar.gz')))
  assert.match(foreign.stderr, /WARNING: .*guide.tar.gz has no index/)
  assert.match(
    daemon.berth('volume', 'restore', 'two', '--require-index', '-i', join(dir, 'guide.tar.gz')).stderr,
    /no index/,
  )

  // Ours in, guide.md's way out.
  ok(daemon.berth('volume', 'backup', 'data', '-q', '-o', join(dir, 'ours.tar.gz')))
  ok(daemon.berth(...helper, '-v', 'three:/dest', 'busybox', 'sh', '-c', 'tar -xzf /backup/ours.tar.gz -C /dest'))
  await started(daemon, 'looker', SLEEP, using('one', 'two', 'three'))
  // busybox's tar gives only files their times.
  const shown = (text: string, copy: string) =>
    copy === 'three' ? text.replaceAll(/(?<= 41ed.*| a1ff.*) \d+$/gm, '') : text
  for (const copy of ['one', 'two', 'three']) {
    assert.equal(shown(await says('looker', 'sh', '-c', look, copy), copy), shown(original, copy), copy)
  }
})

test('pause: several volumes at one instant, and the writer goes on', async () => {
  const write = 'i=0; while :; do i=$((i+1)); echo $i >/left/n; echo $i >/right/n; done'
  await started(daemon, 'writer', ['sh', '-c', write], using('left', 'right'))
  await until('a line', async () => (await says('writer', 'cat', '/right/n')) || undefined)
  const dir = newPlace()
  for (const round of [1, 2]) {
    ok(daemon.berth('volume', 'backup', 'left', 'right', '--pause', '-q', '-o', join(dir, 'both.tar.zst')))
    assert.equal(await stateOf('writer'), 'running')
    const names = ['--rename', 'left=l1', '--rename', 'right=r1', '--replace']
    ok(daemon.berth('volume', 'restore', '-q', ...names, '-i', join(dir, 'both.tar.zst')))
    const [l, r] = await Promise.all(
      ['l1', 'r1'].map(async name => Number(readFileSync(join((await volumes.inspect(name)).Mountpoint, 'n'), 'utf8'))),
    )
    // An empty file: stopped between opening and writing.
    assert.ok(l === 0 || r === 0 || l === r || l === r! + 1, `round ${round}: ${l} and ${r}`)
  }
})

test('frozen containers go on: after a hang-up, a stop and a kill of the daemon', async () => {
  await started(daemon, 'user', SLEEP, using('data'))
  await started(daemon, 'paused', SLEEP, using('data'))
  await inside(daemon, 'user', 'sh', '-c', LARGE)
  await containers.pause('paused')
  const running = async (name: string) =>
    until(`${name} running`, async () => (await stateOf(name)) === 'running' || undefined)
  const begin = async () => {
    const backup = await backups.start({ Volumes: ['data'], Pause: true })
    // Not read: the daemon waits for its reader.
    backup.stream.on('error', () => {})
    assert.equal(await stateOf('user'), 'paused')
    return backup
  }
  const first = await begin()
  assert.equal((await backups.status(first.id)).state, 'running')
  first.stream.destroy()
  await running('user')
  const failed = await until('the end', async () => {
    const status = await backups.status(first.id)
    return status.state === 'failed' ? status : undefined
  })
  assert.match(failed.error!, /went away/)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await begin()
    await daemon.stop(signal)
    await daemon.start()
    await running('user')
    assert.equal(await stateOf('paused'), 'paused')
  }
  // Nobody holds it any more.
  await containers.remove('user', { force: true })
  await containers.remove('paused', { force: true })
  await volumes.remove('data')
})

test('Ctrl-C and a killed daemon leave no file of the name; what is damaged or in use changes nothing', async () => {
  const dir = newPlace()
  await started(daemon, 'user', SLEEP, using('data'))
  await inside(daemon, 'user', 'sh', '-c', LARGE)
  const archive = join(dir, 'whole.tar.zst')
  ok(daemon.berth('volume', 'backup', 'data', '-q', '-o', archive))

  await containers.remove('user', { force: true })
  await started(daemon, 'slow', SLEEP, {
    ...using('data'),
    Labels: { 'berth.backup.after': 'touch /data/after; sleep 60', 'berth.backup.timeout': '90' },
  })
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
  const args = [main, 'volume', 'backup', 'data', '--pause', '-o', join(dir, 'cut.tar.zst')]
  const cli = spawn(process.execPath, args, {
    env: { ...process.env, BERTH_HOST: `unix://${daemon.socket}` },
    stdio: 'ignore',
  })
  const data = (await volumes.inspect('data')).Mountpoint
  await until('the hook', () => readdirSync(data).includes('after') || undefined)
  cli.kill('SIGINT')
  const [code] = (await once(cli, 'exit')) as [number]
  assert.equal(code, 130)
  assert.deepEqual(readdirSync(dir), ['whole.tar.zst'])
  await containers.remove('slow', { force: true })

  await started(daemon, 'user', SLEEP, using('data'))
  const inUse = daemon.berth('volume', 'restore', '--replace', '-i', archive)
  assert.match(inUse.stderr, /data: volume is in use by .*user/)
  await containers.remove('user', { force: true })
  const before = await backups.digest('data')
  const bytes = readFileSync(archive)
  const damaged = join(dir, 'damaged.tar.zst')
  for (const change of [
    () => bytes.subarray(0, bytes.length - 1),
    () => bytes.subarray(0, bytes.length >> 1),
    () => {
      const flipped = Buffer.from(bytes)
      flipped[bytes.length >> 1]! ^= 4
      return flipped
    },
  ]) {
    writeFileSync(damaged, change())
    const { code, stderr } = daemon.berth('volume', 'restore', '--replace', '-i', damaged)
    assert.notEqual(code, 0)
    assert.match(stderr, /damaged|end|cut|whole/i)
    assert.equal(await backups.digest('data'), before)
  }

  // A daemon that is killed in the middle of a restore: the volume is as it was, and nothing is left.
  const { id } = await backups.openRestore({ Replace: true })
  await backups.feed(id, 0, bytes.subarray(0, bytes.length >> 1))
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.equal(await backups.digest('data'), before)
  assert.deepEqual(
    readdirSync(join(daemon.dataRoot, 'volumes')).filter(name => name.startsWith('.')),
    [],
  )
  await assert.rejects(backups.restoreStatus(id), { kind: 'not-found' })
})

test('encrypted, incremental, with what is kept; and by a schedule', async () => {
  const dir = newPlace()
  mkdirSync(join(dir, 'sched'))
  const { Mountpoint } = await volumes.create({ Name: 'data' })
  const { identity, recipient } = await generateKey()
  writeFileSync(join(dir, 'key'), `# mine\n${identity}\n`)
  const key = ['--identity', join(dir, 'key')]
  const backup = (text: string, ...more: string[]) => {
    writeFileSync(join(Mountpoint, 'file'), text)
    return ok(
      daemon.berth('volume', 'backup', 'data', '-q', '-o', `${dir}/`, '--encrypt-to', recipient, ...key, ...more),
    ).stdout.trim()
  }
  const one = backup('one')
  const two = backup('two', '--base', join(dir, one))
  assert.match(two, /-after-.*\.tar\.zst\.age$/)
  backup('three', '--keep-last', '2')
  const left = readdirSync(dir).filter(name => name.startsWith('data-'))
  assert.deepEqual(left.slice(0, 2), [one, two])
  assert.match(daemon.berth('volume', 'restore', 'copy', '-i', join(dir, two)).stderr, /identity/)
  ok(daemon.berth('volume', 'restore', 'copy', ...key, '-i', join(dir, two)))
  assert.equal(readFileSync(join((await volumes.inspect('copy')).Mountpoint, 'file'), 'utf8'), 'two')

  const { id } = await backups.addSchedule({
    Volumes: ['data'],
    When: '@daily',
    Target: join(dir, 'sched'),
    FullEvery: 2,
  })
  for (const text of ['x', 'y']) {
    writeFileSync(join(Mountpoint, 'file'), text)
    const { runs } = await backups.changeSchedule(id, 'run')
    assert.deepEqual([runs[0]!.ok, runs[0]!.message], [true, undefined])
  }
  const last = readdirSync(join(dir, 'sched')).at(-1)!
  assert.match(last, /-after-/)
  ok(daemon.berth('volume', 'restore', 'copy', '--replace', '-i', join(dir, 'sched', last)))
  assert.equal(readFileSync(join((await volumes.inspect('copy')).Mountpoint, 'file'), 'utf8'), 'y')
  await backups.removeSchedule(id)
})

test('PostgreSQL: in backup mode while it is copied, under load, and the restored one has every row that was there', async () => {
  await postgresImage(daemon)
  const during = `{ echo "select pg_backup_start('berth', true);"; echo '\\! echo ready'; cat; echo 'select lsn from pg_backup_stop(false);'; } | psql -qAt -v ON_ERROR_STOP=1`
  const run = async (name: string, volume: string) => {
    await started(daemon, name, [], {
      Image: 'postgres:13',
      Cmd: undefined,
      Env: ['POSTGRES_PASSWORD=secret'],
      Labels: {
        'berth.backup.before': 'psql -qc checkpoint',
        'berth.backup.during': during,
        'berth.backup.after': 'psql -qc "select 1"',
      },
      HostConfig: { Binds: [`${volume}:/var/lib/postgresql/data`] },
    })
    await until(
      `${name} answers`,
      async () => (await inside(daemon, name, 'psql', '-c', 'select 1')).code === 0 || undefined,
      60_000,
    )
  }
  const sql = (name: string, text: string) => says(name, 'psql', '-qAtc', text)
  await run('pg', 'pg_data')
  await sql('pg', 'create table kept as select generate_series(1, 10000) as n')
  await sql('pg', 'create table late (n int)')
  const load = inside(
    daemon,
    'pg',
    'sh',
    '-c',
    'i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo "insert into late values ($i);"; done | psql -q',
  )
  const dir = newPlace()
  ok(daemon.berth('volume', 'backup', 'pg_data', '--pause', '-q', '-o', join(dir, 'pg.tar.zst')))
  await load
  assert.equal(await sql('pg', 'select count(*) from late'), '400')
  assert.equal(
    await sql(
      'pg',
      'select count(*) from pg_stat_activity where query like $$%pg_backup_start%$$ and pid <> pg_backend_pid()',
    ),
    '0',
  )
  ok(daemon.berth('volume', 'restore', 'pg_copy', '-q', '-i', join(dir, 'pg.tar.zst')))
  await run('copy', 'pg_copy')
  assert.equal(await sql('copy', 'select count(*), sum(n) from kept'), '10000|50005000')
  // Whole transactions, in the order in which they came.
  assert.equal(await sql('copy', 'select count(*) = coalesce(max(n), 0) from late'), 't')

  await containers.remove('copy', { force: true })
  await containers.remove('pg', { force: true })
  await started(daemon, 'pg', SLEEP, {
    ...using('pg_data'),
    Labels: { 'berth.backup.before': 'echo no server; exit 2' },
  })
  const refused = daemon.berth('volume', 'backup', 'pg_data', '-o', join(dir, 'not.tar.zst'))
  assert.match(refused.stderr, /berth.backup.before of container pg ended with code 2: no server/)
  assert.deepEqual(readdirSync(dir), ['pg.tar.zst'])
})
