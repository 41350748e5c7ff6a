import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRegistry } from '#engine/images/testing/registry-server.ts'
import { call, type Answer } from '#http/testing/test-server.ts'
import { archive, member } from '../scenarios/bad-input-table.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers } from '../support/leftovers.ts'

const ROUNDS = Number(process.env['KILLS'] ?? 80)
const MIB = 1 << 20
/** Bytes of the data root's file system, and what an empty data root may take of it. */
const DISK = 160 * MIB
const EMPTY = 4 * MIB

const daemon = new TestDaemon()
const disk = mkdtempSync(join(tmpdir(), 'berth-space-'))
const tar = { 'Content-Type': 'application/x-tar' }
let registry: Awaited<ReturnType<typeof startRegistry>>

before(async () => {
  registry = await startRegistry()
  const image = join(disk, 'image')
  closeSync(openSync(image, 'w'))
  truncateSync(image, DISK)
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image])
  mkdirSync(daemon.dataRoot)
  execFileSync('mount', ['-o', 'loop', image, daemon.dataRoot])
  await daemon.start()
  for (const [name, sizes] of [
    ['small', [6, 3, 9]],
    ['large', [12, 20, 14]],
  ] as const) {
    const answer = await post('/images/load', savedImage(`${registry.host}/${name}:1`, sizes), tar)
    assert.equal(answer.status, 200, answer.text)
    const auth = { 'X-Registry-Auth': Buffer.from('{}').toString('base64url') }
    const pushed = await post(`/images/${registry.host}/${name}/push?tag=1`, undefined, auth)
    assert.doesNotMatch(pushed.text, /"error"/)
    await daemon.client.images.remove(`${registry.host}/${name}:1`)
  }
})

after(async () => {
  try {
    rmSync(ballast(), { force: true })
    await emptied('at the end').catch(() => {})
    await daemon.stop()
  } finally {
    execFileSync('umount', ['--recursive', daemon.dataRoot])
    rmSync(disk, { recursive: true })
    await registry.stop()
    await daemon.dispose()
  }
})

const ballast = () => join(daemon.dataRoot, 'ballast')
const post = (path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> =>
  call(daemon.socket, 'POST', path, body, headers)

/** An image of layers with as many random megabytes, as `docker save` writes it. */
function savedImage(tag: string, megabytes: readonly number[]): Buffer {
  const layers = megabytes.map((size, i) => archive(member({ name: `file-${i}` }, randomBytes(size * MIB))))
  const config = JSON.stringify({
    os: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    config: { Cmd: ['/none'] },
    rootfs: {
      type: 'layers',
      diff_ids: layers.map(layer => `sha256:${createHash('sha256').update(layer).digest('hex')}`),
    },
  })
  const list = [{ Config: 'config.json', RepoTags: [tag], Layers: layers.map((_, i) => `${i}.tar`) }]
  return archive(
    ...layers.map((layer, i) => member({ name: `${i}.tar` }, layer)),
    member({ name: 'config.json' }, config),
    member({ name: 'manifest.json' }, JSON.stringify(list)),
  )
}

/** Leaves about `free` bytes. */
function fill(free: number): void {
  const fd = openSync(ballast(), 'a')
  const chunk = Buffer.alloc(MIB)
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(daemon.dataRoot)
      if (bavail * bsize - MIB < free) break
      writeSync(fd, chunk)
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(fd)
  }
}

const archiveOf8 = archive(member({ name: 'a' }, randomBytes(4 * MIB)), member({ name: 'd/b' }, randomBytes(8 * MIB)))

/** What takes room, each by a name of its own. A refusal (no room) is as good as a success. */
const WORK: Record<string, (name: string) => Promise<unknown>> = {
  pull: () => post(`/images/create?fromImage=${registry.host}/small&tag=1`),
  pullLarge: () => post(`/images/create?fromImage=${registry.host}/large&tag=1`),
  load: name => post('/images/load', savedImage(`${name}:1`, [5, 11, 4]), tar),
  import: name => post(`/images/create?fromSrc=-&repo=${name}`, archiveOf8, tar),
  async commit(name) {
    const { Id } = await create(name)
    await daemon.client.containers.start(Id)
    await (
      await daemon.client.containers.wait(Id)
    ).exit
    return post(`/commit?container=${Id}&repo=${name}`, {})
  },
  async cp(name) {
    const { Id } = await create(name)
    const put = (path: string) => call(daemon.socket, 'PUT', `/containers/${Id}/archive?path=${path}`, archiveOf8, tar)
    await put('/')
    return put('/v')
  },
  async log(name) {
    const { Id } = await create(name, 'while true; do seq 100000; done')
    return daemon.client.containers.start(Id)
  },
  async come(name) {
    for (let i = 0; i < 10; i++) {
      const { Id } = await create(`${name}-${i}`)
      await daemon.client.containers.start(Id)
      if (i % 2 === 0) await daemon.client.containers.remove(Id, { force: true, volumes: true })
    }
  },
  async prune(name) {
    await create(name)
    await post('/containers/prune')
    return post(`/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`)
  },
}

async function create(
  name: string,
  command = 'dd if=/dev/urandom of=/x bs=1M count=9; dd if=/dev/zero of=/v/x bs=1M count=3',
) {
  const created = await daemon.client.containers.create(
    {
      Image: 'busybox',
      Cmd: ['sh', '-c', command],
      Volumes: { '/anonymous': {} },
      HostConfig: {
        NetworkMode: 'none',
        StopTimeout: 0,
        Binds: [`${name}:/v`],
        // One that goes on writing while the daemon is away would use up what somebody made free.
        LogConfig: { Type: 'json-file', Config: { 'max-size': '4m', 'max-file': '2' } },
      },
    } as never,
    { name },
  )
  daemon.seen.add(created.Id)
  return created
}

/** Removes all there is, by the commands that users have, and waits until the room has come back. */
async function emptied(when: string): Promise<void> {
  const { containers, images, volumes } = daemon.client
  for (const one of await containers.list({ all: true }))
    await containers.remove(one.Id, { force: true, volumes: true })
  await containers.prune()
  await volumes.prune({ all: ['true'] })
  await images.prune({ dangling: ['false'] })
  let size = 0
  for (let i = 0; i < 100; i++) {
    size = du(daemon.dataRoot)
    if (size < EMPTY) break
    await sleep(50)
  }
  const lines = size < EMPTY ? [] : biggest(daemon.dataRoot)
  assert.ok(size < EMPTY, `${when}: ${size} bytes are left\n${lines.join('\n')}\n${daemon.log.slice(-3000)}`)
  const strays = [
    ...namesIn('content/ingest').map(name => `ingest/${name}`),
    ...namesIn('content/blobs/sha256').map(name => `blob ${name}`),
    ...namesIn('snapshots').filter(name => name !== 'init'),
    ...namesIn('containers').map(name => `container ${name}`),
    ...namesIn('volumes').map(name => `volume ${name}`),
    ...leftovers(daemon),
  ]
  assert.deepEqual(strays, [], when)
  assert.ok(du(daemon.execRoot) < MIB, `${when}: exec root has ${du(daemon.execRoot)} bytes`)
}

/** What was never needed was never made. */
function namesIn(directory: string): string[] {
  const path = join(daemon.dataRoot, directory)
  return existsSync(path) ? readdirSync(path) : []
}

const du = (path: string) => Number(execFileSync('du', ['-sxB1', path], { encoding: 'utf8' }).split('\t')[0])
const biggest = (path: string) =>
  execFileSync('sh', ['-c', `du -axB1 ${path} | sort -rn | head -25`], { encoding: 'utf8' }).split('\n')

/** Where not a block is left, not even the reserve, it says so: then somebody has to make room. */
async function startAgain(): Promise<void> {
  const refused = await daemon.start().then(
    () => '',
    (error: unknown) => String(error),
  )
  if (refused === '') return
  assert.match(refused.trim().split('\n').at(-1)!, /no space left on device/)
  rmSync(ballast(), { force: true })
  await daemon.start()
}

test(`kill -9 at ${ROUNDS} random moments of what takes room, on a small disk that is often full: everything comes back`, async t => {
  const kinds = Object.keys(WORK)
  const told: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await daemon.loadBusybox()
    const full = round % 3 === 2
    if (full) fill(Math.floor(Math.random() * 40) * MIB)
    const chosen = kinds.filter((_, i) => i === round % kinds.length || Math.random() < 0.25)
    const work = chosen.map(kind => WORK[kind]!(`r${round}-${kind.toLowerCase()}`).catch(() => {}))
    const delay = Math.floor(Math.random() ** 2 * 1800)
    await sleep(delay)
    await daemon.stop('SIGKILL')
    await Promise.all(work)
    if (Math.random() < 0.5) rmSync(ballast(), { force: true })
    await startAgain()
    // What is there is accounted for, whatever happened.
    const usage = await daemon.client.system.diskUsage()
    rmSync(ballast(), { force: true })
    assert.ok(usage.LayersSize !== undefined)
    await emptied(`round ${round} (${chosen.join(', ')} killed after ${delay} ms${full ? ', disk full' : ''})`)
    told.push(`${chosen.join('+')}@${delay}`)
  }
  t.diagnostic(`${ROUNDS} kills; an empty data root takes ${du(daemon.dataRoot)} bytes`)
})

test('a disk that fills up in mid-work gives everything back without a kill', async () => {
  for (const kind of ['pull', 'pullLarge', 'load', 'import', 'commit', 'cp', 'log']) {
    await daemon.loadBusybox()
    fill(7 * MIB)
    await WORK[kind]!(`full-${kind.toLowerCase()}`).catch(() => {})
    if (kind === 'log') await sleep(1500)
    rmSync(ballast(), { force: true })
    await emptied(`full disk in ${kind}`)
  }
})

test('a pull that was killed goes on where it was, and what it has so far is told and pruned', async () => {
  for (let delay = 150; ; delay += 100) {
    const pull = WORK['pullLarge']!('').catch(() => {})
    await sleep(delay)
    await daemon.stop('SIGKILL')
    await pull
    await daemon.start()
    const { Berth: own, Images: images } = await daemon.client.system.diskUsage()
    assert.equal(images?.length, 0, 'killed too late')
    if (own!.PartialPulls === 0) continue
    const preview = await daemon.client.system.prunePreview({ images: { dangling: ['true'] } })
    assert.equal(preview.PartialPulls, own!.PartialPulls)
    assert.ok((await daemon.client.images.prune()).SpaceReclaimed >= own!.PartialPulls * 0.9)
    break
  }
  await emptied('after a killed pull')
})
