import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { VolumePrunePlan } from '#wire/index.ts'
import { dockerClient, TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

const daemon = new TestDaemon()
const { volumes, containers } = daemon.client
const root = join(daemon.dataRoot, 'volumes')

before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

/** A volume with a file, made by a container; the container stays, stopped, if it is named. */
function filled(volume: string, text: string, container?: string): void {
  const keep = container === undefined ? ['--rm'] : ['--name', container]
  const run = daemon.berth('run', ...keep, '-v', `${volume}:/v`, 'busybox', 'sh', '-c', `echo ${text} > /v/f`)
  assert.equal(run.code, 0, run.stderr)
}

const textOf = (volume: string): string => readFileSync(join(root, volume, '_data/f'), 'utf8').trim()

function done(...args: string[]): string {
  const { code, stdout, stderr } = daemon.berth(...args)
  assert.equal(code, 0, `berth ${args.join(' ')}: ${stderr}`)
  return stdout
}

function refused(words: RegExp, ...args: string[]): void {
  const { code, stderr } = daemon.berth(...args)
  assert.equal(code, 1, args.join(' '))
  assert.match(stderr, words)
}

test('rename, update, inspect: names of users, labels, sizes', async () => {
  filled('first', 'one', 'keeper')
  refused(/rename first: volume is in use by container keeper: remove it first/, 'volume', 'rename', 'first', 'second')
  const shown = JSON.parse(done('volume', 'inspect', 'first')) as {
    Users: string[]
    UsageData: { Size: number; RefCount: number }
  }[]
  assert.deepEqual(shown[0]!.Users, ['keeper'])
  assert.equal(shown[0]!.UsageData.RefCount, 1)
  assert.ok(shown[0]!.UsageData.Size >= 4096)
  await containers.remove('keeper')
  assert.equal(done('volume', 'rename', 'first', 'second').trim(), 'second')
  assert.equal(textOf('second'), 'one')
  refused(/get first: no such volume/, 'volume', 'inspect', 'first')
  done('volume', 'update', '--label-add', 'tier=db', '--label-add', 'old=1', 'second')
  done('volume', 'update', '--label-rm', 'old', 'second')
  assert.deepEqual((await volumes.inspect('second')).Labels, { tier: 'db' })
  refused(/has no limit that could be raised/, 'volume', 'update', '--size', '1g', 'second')
  assert.match(done('volume', 'ls', '--size'), /DRIVER\s+VOLUME NAME\s+LINKS\s+SIZE\nlocal\s+second\s+0\s+\d/)
  assert.match(done('volume', 'ls', '--format', '{{.Name}} {{.Size}}'), /^second \d+(\.\d+)?kB\n$/)
  await volumes.remove('second')
})

test('clone: the same data, labels over, a warning while it is written to', async () => {
  filled('source', 'two')
  const copied = daemon.berth('volume', 'clone', '--label', 'a=b', 'source', 'copy')
  assert.equal(copied.stdout, 'copy\n')
  assert.match(copied.stderr, /^Cloned by /)
  assert.equal(textOf('copy'), 'two')
  assert.deepEqual((await volumes.inspect('copy')).Labels, { a: 'b' })
  refused(/clone source: a volume named copy exists/, 'volume', 'clone', 'source', 'copy')
  done('run', '-d', '--name', 'writer', '-v', 'source:/v', 'busybox', 'sleep', '3600')
  const live = daemon.berth('volume', 'clone', '-q', 'source', 'live')
  assert.match(live.stderr, /WARNING: source was in use and copied file by file/)
  await containers.remove('writer', { force: true })
  for (const name of ['source', 'copy', 'live']) await volumes.remove(name)
  assert.deepEqual(readdirSync(root), [])
})

test('prune: shown with reasons, then exactly that', async () => {
  filled('named', 'x')
  filled('used', 'x', 'holder')
  done('run', '--name', 'nameless', '-v', '/v', 'busybox', 'true')
  done('rm', 'nameless')
  const anonymous = (await volumes.list()).Volumes.find(volume => volume.Name.length === 64)!.Name
  const plan = done('volume', 'prune', '--dry-run')
  assert.match(
    plan,
    new RegExp(`NAME\\s+SIZE\\s+WHY\\n${anonymous}\\s+\\S+\\s+anonymous, used by no container, last less`),
  )
  assert.match(plan, /Would be reclaimed: \S+B/)
  assert.match(plan, /STAYS\s+WHY\n/)
  assert.match(plan, /named\s+named: only anonymous volumes were asked for/)
  assert.match(plan, /used\s+used by container holder/)
  const all = JSON.parse(done('volume', 'prune', '-a', '--dry-run', '--format', 'json')) as VolumePrunePlan
  assert.deepEqual(all.remove.map(one => one.name).toSorted(), [anonymous, 'named'].toSorted())
  refused(/needs --force or --dry-run/, 'volume', 'prune', '--format', 'json')
  // Between plan and prune: one is made anew, one comes into use.
  await volumes.remove('named')
  filled('named', 'y')
  done('create', '--name', 'late', '-v', `${anonymous}:/v`, 'busybox')
  const applied = await volumes.applyPrune({ Plan: all })
  assert.deepEqual(applied.Deleted, [])
  assert.deepEqual(
    applied.Kept.toSorted((a, b) => b.name.length - a.name.length),
    [
      { name: anonymous, reason: 'came to be used by container late' },
      { name: 'named', reason: 'was made anew since the plan' },
    ],
  )
  assert.equal(textOf('named'), 'y')
  await containers.remove('late')
  // Nobody says yes.
  const asked = daemon.berth('volume', 'prune', '-a')
  assert.match(
    asked.stdout,
    /WARNING! This will delete these 2 volumes\.\nAre you sure you want to continue\? \[y\/N\]/,
  )
  assert.equal((await volumes.list()).Volumes.length, 3)
  const forced = done('volume', 'prune', '-af')
  assert.match(forced, /^Deleted Volumes:\n/)
  assert.match(forced, /Total reclaimed space: \S+B\n$/)
  assert.deepEqual(
    (await volumes.list()).Volumes.map(volume => volume.Name),
    ['used'],
  )
  await containers.remove('holder')
  await volumes.remove('used')
})

test('the trash: kept, listed, restored, over a kill of the daemon; expired, emptied', async () => {
  filled('precious', 'gold')
  filled('other', 'silver')
  done('volume', 'prune', '-af', '--keep', '24h')
  assert.deepEqual((await volumes.list()).Volumes, [])
  await daemon.stop('SIGKILL')
  await daemon.start()
  const listed = done('volume', 'ls', '--deleted')
  assert.match(listed, /ID\s+NAME\s+DELETED\s+EXPIRES\s+SIZE\n/)
  assert.match(listed, /[0-9a-f]{12}\s+precious\s+.* ago\s+in 2?\d hours\s+\S+kB/)
  assert.equal(done('volume', 'restore-deleted', 'precious').trim(), 'precious')
  assert.equal(textOf('precious'), 'gold')
  assert.equal(done('volume', 'restore-deleted', '--as', 'third', 'other').trim(), 'third')
  assert.equal(textOf('third'), 'silver')
  assert.equal(done('volume', 'trash', 'ls', '-q'), '')
  done('volume', 'rm', '--keep', '1s', 'third')
  await until('it has expired', async () => ((await volumes.deleted()).length === 0 ? true : undefined))
  done('volume', 'rm', '--keep', '7d', 'precious')
  assert.match(done('volume', 'trash', 'empty', '-f'), /^[0-9a-f]{12}\nTotal reclaimed space: \S+kB\n$/)
  await until('nothing is left', () => (readdirSync(root).length === 0 ? true : undefined))
  refused(/no such deleted volume: precious/, 'volume', 'restore-deleted', 'precious')
  refused(/invalid time to keep "soon"/, 'volume', 'rm', '--keep', 'soon', 'x')
})

test('rm: many, two at once, odd names', async () => {
  const long = 'x'.repeat(255)
  for (const name of ['a1', 'a2', long]) await volumes.create({ Name: name })
  const gone = daemon.berth('volume', 'rm', 'a1', 'absent', 'a2', long)
  assert.equal(gone.code, 1)
  assert.deepEqual(gone.stdout.split('\n'), ['a1', 'a2', long, ''])
  assert.match(gone.stderr, /get absent: no such volume/)
  for (const name of ['../etc', 'äö', `${long}x`, 'a/b', '.hidden', '..']) {
    await assert.rejects(volumes.create({ Name: name }), /includes invalid characters|at most 255 are allowed/, name)
    await assert.rejects(volumes.remove(name), /no such volume|page not found/, name)
    await assert.rejects(volumes.rename(long, name), /no such volume|includes invalid characters|at most 255/, name)
  }
  assert.equal(daemon.berth('volume', 'create', '../etc').code, 1)
  await volumes.create({ Name: 'twice' })
  const both = await Promise.allSettled([volumes.remove('twice'), volumes.remove('twice')])
  assert.deepEqual(both.map(one => one.status).toSorted(), ['fulfilled', 'rejected'])
  assert.equal((await volumes.rename((await volumes.create()).Name, long)).Name, long)
  await volumes.remove(long, { keep: 60_000 })
  await volumes.restoreDeleted(long)
  await volumes.remove(long)
  assert.deepEqual(readdirSync(root), [])
})

test("with the real docker client, volumes stay Docker's", { skip: !dockerClient && 'no docker client' }, async () => {
  filled('data', 'x')
  const inspected = daemon.docker('volume', 'inspect', 'data')
  const [volume] = JSON.parse(inspected.stdout) as Record<string, unknown>[]
  assert.deepEqual(Object.keys(volume!).toSorted(), [
    'CreatedAt',
    'Driver',
    'Labels',
    'Mountpoint',
    'Name',
    'Options',
    'Scope',
  ])
  const again = daemon.docker('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'data')
  assert.match(
    again.stderr,
    /already exists with other options \(device is not set, asked for "tmpfs"; type is not set/,
  )
  assert.match(daemon.docker('volume', 'prune', '-af').stdout, /Deleted Volumes:\ndata\n\nTotal reclaimed space: /)
})

test('migrate to the daemon that has the volume removes nothing', () => {
  filled('home', 'here')
  refused(/the very daemon that has it/, 'volume', 'migrate', 'home', `unix://${daemon.socket}`, '--remove')
  assert.equal(textOf('home'), 'here')
  done('volume', 'migrate', 'home', `unix://${daemon.socket}`, '--as', 'elsewhere', '--remove')
  assert.equal(textOf('elsewhere'), 'here')
})
