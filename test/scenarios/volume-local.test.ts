import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

// Volumes of the local driver that are more than a directory: limits, compression, devices.

const daemon = new TestDaemon()
const { containers, volumes } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await daemon.dispose()
  assert.deepEqual(loops(), [])
})
afterEach(async () => {
  await clear(daemon)
  await released()
})

const MB = 1 << 20
const create = (Name: string, DriverOpts: Record<string, string>) => volumes.create({ Name, DriverOpts })
const volume = (name: string) => ({ HostConfig: { Binds: [`${name}:/v`] } })
const sh = async (container: string, script: string) => {
  const { code, stdout, stderr } = await inside(daemon, container, 'sh', '-c', script)
  return { code, text: (stdout + stderr).trim() }
}
const imageOf = (name: string) => join(daemon.dataRoot, 'volumes', name, 'volume.img')
const diskUse = (file: string) => statSync(file).blocks * 512

/** The end of a container's run comes before what it held is given back. */
const released = () => until('no loop device', () => (loops().length === 0 ? true : undefined))

/** Loop devices of files below the daemon's directory. */
function loops(): string[] {
  return readdirSync('/sys/block')
    .filter(name => name.startsWith('loop'))
    .map(name => {
      try {
        return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()
      } catch {
        return ''
      }
    })
    .filter(file => file.startsWith(daemon.directory))
}

for (const [what, options, total] of [
  ['a limit', { size: '64M' }, 64],
  ['a limit and compression', { size: '128M', compress: 'zstd:3' }, 128],
] as const) {
  test(`${what}: holds, shows, and what is deleted is given back`, async () => {
    await create('small', { ...options, uid: '70', gid: '71', mode: '2750' })
    assert.deepEqual(loops(), [])
    await started(daemon, 'c1', SLEEP, volume('small'))
    // An empty volume is empty, as initdb wants it, and has its owner and mode.
    assert.deepEqual((await sh('c1', 'ls -A /v; stat -c "%u:%g %a" /v')).text, '70:71 2750')
    const size = Number((await sh('c1', `df -k /v | tail -1 | awk '{print $2}'`)).text)
    assert.ok(size > total * 1024 * 0.85 && size <= total * 1024, `${size} KB`)
    // Bytes that nothing makes smaller.
    const filled = await sh('c1', 'dd if=/dev/urandom of=/v/f bs=1M count=200')
    assert.equal(filled.code, 1)
    assert.match(filled.text, /No space left on device/)
    await sh('c1', 'sync')
    const full = diskUse(imageOf('small'))
    assert.ok(full > total * MB * 0.6 && full <= total * MB, `${full}`)
    await sh('c1', 'rm /v/f; sync')
    const emptied = diskUse(imageOf('small'))
    assert.ok(emptied < full / 2, `${emptied} of ${full}`)
    assert.deepEqual(await sh('c1', 'echo kept > /v/f'), { code: 0, text: '' })
    await containers.stop('c1', { timeout: 0 })
    await released()
    await containers.start('c1')
    assert.equal((await sh('c1', 'cat /v/f')).text, 'kept')
  })
}

test('compression without a limit: what is written takes less, and owner, mode and files come up from the image', async () => {
  await create('packed', { compress: 'zstd' })
  await started(daemon, 'c1', SLEEP, { HostConfig: { Binds: ['packed:/etc'] } })
  const image = await containers.create({ Image: 'busybox', Cmd: SLEEP }, { name: 'plain' })
  await containers.start(image.Id)
  const look = 'ls -ld /etc | cut -d" " -f1-4; cat /etc/passwd'
  assert.equal((await sh('c1', look)).text, (await sh('plain', look)).text)
  const before = diskUse(imageOf('packed'))
  await sh('c1', 'yes some text that repeats | head -c 30000000 > /etc/big; sync')
  const grown = diskUse(imageOf('packed')) - before
  assert.ok(grown < 8 * MB, `${grown}`)
})

test('the daemon is killed: the volume stays mounted for who uses it, and everything is given back later', async () => {
  await create('small', { size: '32M' })
  await started(daemon, 'c1', SLEEP, volume('small'))
  await sh('c1', 'echo kept > /v/f')
  assert.equal(loops().length, 1)
  await daemon.stop('SIGKILL')
  // What kills at other moments would have left.
  const directory = join(daemon.dataRoot, 'volumes')
  mkdirSync(join(directory, 'half', '_data'), { recursive: true })
  writeFileSync(join(directory, 'half', 'volume.img.part'), 'x')
  const orphan = join(directory, 'half', 'volume.img')
  closeSync(openSync(orphan, 'w'))
  truncateSync(orphan, 8 * MB)
  assert.equal(spawnSync('losetup', ['-f', orphan]).status, 0)
  await daemon.start()
  assert.deepEqual(loops(), [imageOf('small')])
  assert.deepEqual(readdirSync(directory), ['small'])
  assert.equal((await sh('c1', 'cat /v/f')).text, 'kept')
  await started(daemon, 'd1', SLEEP, volume('small'))
  assert.equal((await sh('d1', 'cat /v/f; echo more > /v/g')).text, 'kept')
  await containers.remove('c1', { force: true })
  assert.equal((await sh('d1', 'cat /v/g')).text, 'more')
  const running = (await containers.inspect('d1')).State.Pid
  await daemon.stop('SIGKILL')
  process.kill(running, 'SIGKILL')
  await daemon.start()
  await released()
})

test('a disk in a file: ext4, xfs and btrfs, by path, with options', async () => {
  for (const [type, ...tool] of [
    ['ext4', 'mkfs.ext4', '-q', '-F'],
    ['xfs', 'mkfs.xfs', '-q', '-f'],
    ['btrfs', 'mkfs.btrfs', '-q', '-f'],
  ] as const) {
    const file = join(daemon.directory, `${type}.img`)
    closeSync(openSync(file, 'w'))
    truncateSync(file, 320 * MB)
    assert.equal(spawnSync(tool[0], [...tool.slice(1), file]).status, 0)
    await create(type, { type, device: file, o: 'noatime,nosuid' })
    await started(daemon, type, SLEEP, volume(type))
    const mount = (await sh(type, 'echo x > /v/f; grep " /v " /proc/mounts')).text
    assert.match(mount, new RegExp(`^/dev/loop\\d+ /v ${type} rw,nosuid,noatime`))
    await containers.remove(type, { force: true })
    await released()
    await create(`${type}-ro`, { type, device: file, o: 'ro' })
    await started(daemon, type, SLEEP, volume(`${type}-ro`))
    assert.match((await sh(type, 'cat /v/f; touch /v/g')).text, /^x\ntouch: .*Read-only file system$/)
    await containers.remove(type, { force: true })
  }
})

test('the life of volumes in images: grown, cloned, renamed, deleted and brought back', async () => {
  for (const [name, options] of Object.entries<Record<string, string>>({
    bt: { size: '64M', compress: 'zstd' },
    ext: { size: '32M' },
  })) {
    await create(name, options)
    await started(daemon, 'c1', SLEEP, volume(name))
    await sh('c1', 'echo first > /v/f; chown 5:6 /v/f; sync')
    const total = async () => Number((await sh('c1', `df -k /v | tail -1 | awk '{print $2}'`)).text)
    const before = await total()
    // Where the daemon may not have a mounted ext4 grown, it says what to do.
    const grow = (Size: number) => volumes.update(name, { Size })
    const refusal = await grow(256 * MB).catch((error: Error) => error)
    if (refusal instanceof Error) {
      assert.match(refusal.message, /cannot grow while it is in use: .*stop the containers that use it first/)
      await containers.stop('c1', { timeout: 0 })
      await released()
      await grow(256 * MB)
      await containers.start('c1')
    }
    assert.ok((await total()) > before + 50_000, `${before} became ${await total()}`)
    assert.equal((await volumes.inspect(name)).Options!.size, '256M')
    await assert.rejects(grow(16 * MB), /has 256M: it can grow, but not shrink/)
    const clone = async (Name: string) => {
      for await (const line of await volumes.clone(name, { Name })) assert.equal(line.error ?? '', '')
    }
    await clone(`${name}-copy`)
    await started(daemon, 'c2', SLEEP, volume(`${name}-copy`))
    assert.equal((await sh('c2', 'cat /v/f; stat -c %u:%g /v/f')).text, 'first\n5:6')
    await sh('c1', 'echo second > /v/f')
    assert.equal((await sh('c2', 'cat /v/f')).text, 'first')
    await clearContainers()
    await clone(`${name}-still`)
    await volumes.rename(`${name}-still`, `${name}-moved`)
    await started(daemon, 'c3', SLEEP, volume(`${name}-moved`))
    assert.equal((await sh('c3', 'cat /v/f')).text, 'second')
    await clearContainers()
    if (name !== 'ext') continue
    for (const { Name } of (await volumes.list()).Volumes ?? []) await volumes.remove(Name, { keep: 3_600_000 })
    assert.deepEqual((await volumes.list()).Volumes, [])
    await volumes.restoreDeleted(name)
    await started(daemon, 'c4', SLEEP, volume(name))
    assert.equal((await sh('c4', 'cat /v/f')).text, 'second')
    await clearContainers()
  }
})

async function clearContainers(): Promise<void> {
  for (const { Id } of await containers.list({ all: true })) await containers.remove(Id, { force: true })
  await released()
}

test('what the options of a volume forbid, its containers cannot do', async () => {
  const source = join(daemon.directory, 'source')
  mkdirSync(source)
  await create('bound', { type: 'none', device: source, o: 'bind,ro,nosuid' })
  await create('ram', { type: 'tmpfs', device: 'tmpfs', o: 'noexec,nodev', size: '1M', uid: '5', mode: '0700' })
  await started(daemon, 'c1', SLEEP, { HostConfig: { Binds: ['bound:/b', 'ram:/r'] } })
  assert.match((await sh('c1', 'touch /b/f')).text, /Read-only file system/)
  assert.match((await sh('c1', 'grep " /b " /proc/mounts')).text, / ro,nosuid,/)
  assert.match((await sh('c1', 'grep " /r " /proc/mounts')).text, / rw,nodev,noexec,.*size=1024k,mode=700,uid=5,gid=5/)
})

test('says what is wrong, at creation where it can be known, else in the words of the start', async () => {
  const refused: [Record<string, string>, RegExp][] = [
    [{ size: '10X' }, /size=10X is no size such as 10G/],
    [{ size: '1M' }, /size=1M is too small: a volume with a limit has at least 4M/],
    [{ size: '20M', compress: 'zstd' }, /a volume that compresses has at least 32M/],
    [{ compress: 'zip' }, /compress=zip is none of zstd/],
    [{ compress: 'zstd:16' }, /compress=zstd:16 is none of/],
    [{ type: 'nfs', device: ':/x', o: 'addr=127.0.0.1', size: '1G' }, /size is for volumes that Berth keeps itself/],
    [{ type: 'none', device: '/tmp', o: 'bind', uid: '5' }, /owner and mode are kept where the files are/],
    [{ preallocate: 'true' }, /preallocate needs size=/],
  ]
  for (const [options, words] of refused) await assert.rejects(create('bad', options), words)
  assert.equal(existsSync(join(daemon.dataRoot, 'volumes', 'bad')), false)
  const starts: [string, Record<string, string>, RegExp][] = [
    ['gone', { type: 'ext4', device: '/dev/berth-none' }, /failed to mount local volume: .*the source does not exist/],
    ['uuid', { type: 'ext4', device: 'UUID=0000-dead' }, /\/dev\/disk\/by-uuid\/0000-dead.*the source does not exist/],
    [
      'text',
      { type: 'ext4', device: '/etc/hostname' },
      /ext4 \/etc\/hostname on .*too short for a file system of type ext4/,
    ],
    [
      'nfs',
      { type: 'nfs', device: ':/x', o: 'addr=127.0.0.1,rw' },
      /this kernel does not know the file system type nfs/,
    ],
  ]
  for (const [name, options, words] of starts) {
    await create(name, options)
    await assert.rejects(started(daemon, `c-${name}`, SLEEP, volume(name)), words)
  }
})
