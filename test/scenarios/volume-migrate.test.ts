/** Volumes that go to another host, over ssh and a wire that breaks. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { started } from '../support/containers.ts'
import { sshdHere } from '../support/ssh-server.ts'
import { until } from '../support/tools.ts'
import { fill, output, TwoHosts } from '../support/two-hosts.ts'

const skip = sshdHere ? false : 'no sshd here'
let hosts: TwoHosts

before(async () => {
  if (skip) return
  hosts = await TwoHosts.start()
  await Promise.all([hosts.here.loadBusybox(), hosts.there.loadBusybox()])
})
after(async () => {
  if (!skip) await hosts.dispose()
})

const digestHere = (name: string) => hosts.here.client.backups.digest(name)
const digestThere = (name: string) => hosts.there.client.backups.digest(name)
const namesThere = async () => (await hosts.there.client.volumes.list()).Volumes.map(({ Name }) => Name)

test('there and back, with everything kept, and removed when asked to', { skip }, async () => {
  await fill(hosts.here, 'data', 3 << 20)
  const before = await digestHere('data')
  const there = await hosts.berth(['volume', 'migrate', 'data', hosts.url])
  assert.equal(there.code, 0, there.stderr)
  assert.match(there.stdout, /^data\n\d+ files, .*checked at ssh:/)
  assert.equal(await digestThere('data'), before)
  const volume = await hosts.there.client.volumes.inspect('data')
  assert.deepEqual(volume.Labels, { kept: 'yes' })
  const at = (path: string) => lstatSync(join(volume.Mountpoint, path))
  assert.equal(at('big').ino, at('sub/deep/linked').ino)
  assert.ok(at('sparse').blocks * 512 < 1 << 20)
  const xattr = execFileSync('getfattr', ['--only-values', '-n', 'user.note', join(volume.Mountpoint, 'sub/file-4')])
  assert.equal(String(xattr), 'kept')

  // Again: it is there already, with the same content. Then it may go here.
  const again = await hosts.berth(['volume', 'migrate', 'data', hosts.url, '--remove', '--format', 'json'])
  assert.equal(again.code, 0, again.stderr)
  const [report] = JSON.parse(again.stdout) as { Digest: string; Removed: boolean }[]
  assert.deepEqual([report!.Digest, report!.Removed], [before, true])
  await assert.rejects(hosts.here.client.volumes.inspect('data'), { kind: 'not-found' })

  // From there to here: the daemon of this side is the far one now.
  const back = await hosts.berth([
    '-H',
    hosts.url,
    'volume',
    'migrate',
    'data',
    `unix://${hosts.here.socket}`,
    '--remove',
  ])
  assert.equal(back.code, 0, back.stderr)
  assert.equal(await digestHere('data'), before)
  assert.equal((await namesThere()).includes('data'), false)
})

test('the wire is cut in the middle, more than once', { skip }, async () => {
  await fill(hosts.here, 'cut', 40 << 20)
  const child = hosts.launch(['volume', 'migrate', 'cut', hosts.url, '--no-compress'])
  const ended = output(child)
  let cuts = 0
  let over = false
  void ended.then(() => (over = true))
  await hosts.underWay(child)
  for (let i = 0; i < 2 && !over; i++) {
    hosts.wire(false)

    await sleep(300)
    hosts.wire(true)
    cuts++
    await sleep(1000)
  }
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
  assert.ok(cuts > 0)
  assert.equal(await digestThere('cut'), await digestHere('cut'))
})

test('connections of ssh that are killed in the middle are made anew', { skip }, async () => {
  await fill(hosts.here, 'killed', 40 << 20)
  const child = hosts.launch(['volume', 'migrate', 'killed', hosts.url, '--no-compress'])
  const ended = output(child)
  await hosts.underWay(child)
  hosts.server.cut()
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
  assert.equal(await digestThere('killed'), await digestHere('killed'))
})

test('conflicts and what cannot move are said before a byte is sent', { skip }, async () => {
  await fill(hosts.here, 'twice', 1 << 10)
  await hosts.there.client.volumes.create({ Name: 'twice' })
  const migrate = (...args: string[]) => hosts.berth(['volume', 'migrate', ...args])
  assert.match((await migrate('twice', hosts.url)).stderr, /volume twice exists already at ssh:.*--as.*--replace/)
  await started(hosts.there, 'user', ['sleep', '1000'], { HostConfig: { Binds: ['twice:/x'] } })
  assert.match((await migrate('twice', hosts.url, '--replace')).stderr, /it is used by user/)
  await hosts.there.client.containers.remove('user', { force: true })
  const replaced = await migrate('twice', hosts.url, '--replace')
  assert.equal(replaced.code, 0, replaced.stderr)
  assert.equal(await digestThere('twice'), await digestHere('twice'))
  assert.equal((await migrate('twice', hosts.url, '--as', 'other')).code, 0)

  await hosts.here.client.volumes.create({ Name: 'sized', DriverOpts: { size: '64m' } })
  const sized = await migrate('sized', hosts.url, '--remove')
  assert.equal(sized.code, 0, sized.stderr)
  assert.deepEqual((await hosts.there.client.volumes.inspect('sized')).Options, { size: '64m' })

  await started(hosts.here, 'here', ['sleep', '1000'], { HostConfig: { Binds: ['twice:/x'] } })
  assert.match(
    (await migrate('twice', hosts.url, '--remove')).stderr,
    /cannot be removed here afterwards: it is used by here/,
  )
  await hosts.here.client.volumes.create({
    Name: 'nfs',
    DriverOpts: { type: 'nfs', device: ':/a', o: 'addr=10.0.0.1' },
  })
  assert.match((await migrate('nfs', hosts.url)).stderr, /the data of volume nfs is not Berth's but at :\/a \(nfs\)/)
  assert.match((await migrate('absent', hosts.url)).stderr, /no such volume/)
  assert.match((await migrate('twice', 'other')).stderr, /the last argument is no host/)
})

test('a command that is killed is in nobody’s way', { skip }, async () => {
  await fill(hosts.here, 'rerun', 40 << 20)
  const first = hosts.launch(['volume', 'migrate', 'rerun', hosts.url, '--no-compress'])
  const ended = output(first)
  await hosts.underWay(first)
  first.kill('SIGKILL')
  await ended
  assert.equal((await namesThere()).includes('rerun'), false)
  const again = await hosts.berth(['volume', 'migrate', 'rerun', hosts.url, '--no-compress', '--remove'])
  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stdout, /removed here/)
})

test('an interrupt leaves nothing on the far side; no link for long gives up', { skip }, async () => {
  await fill(hosts.here, 'stopped', 40 << 20)
  const first = hosts.launch(['volume', 'migrate', 'stopped', hosts.url, '--no-compress'])
  const ended = output(first)
  await hosts.underWay(first)
  first.kill('SIGINT')
  assert.equal((await ended).code, 130)
  assert.equal((await namesThere()).includes('stopped'), false)
  const staged = () =>
    execFileSync('find', [hosts.there.dataRoot, '-name', 'sparse', '-path', '*stag*'], { encoding: 'utf8' })
  await until('the far side gives its space back', () => (staged() === '' ? true : undefined))

  const second = hosts.launch(['volume', 'migrate', 'stopped', hosts.url, '--no-compress', '--retry-for', '3s'])
  const gaveUp = output(second)
  await hosts.underWay(second)
  hosts.wire(false)
  const { code, stderr } = await gaveUp
  hosts.wire(true)
  assert.equal(code, 1)
  assert.match(stderr, /connection broken, trying again[^]*gave up after 3 s without a connection/)
})
