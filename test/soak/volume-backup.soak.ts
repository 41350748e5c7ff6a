import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readIndex } from '#codec/backup/index.ts'
import { BerthError } from '#lib/errors.ts'
import { openTarget } from '#targets/index.ts'
import { clear, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

const ROUNDS = Number(process.env['KILLS'] ?? 100)
const MB = 1 << 20
const place = mkdtempSync(join(tmpdir(), 'berth-backup-soak-'))
after(() => rmSync(place, { recursive: true, force: true }))

/** A tree with `files` small files and one of `large` bytes. */
function fill(directory: string, files: number, large: number): void {
  for (let i = 0; i < files; i++) {
    const below = join(directory, `d${i % 7}`)
    mkdirSync(below, { recursive: true })
    writeFileSync(join(below, `f${i}`), randomBytes(100 + i))
  }
  writeFileSync(join(directory, 'large'), randomBytes(large))
}

async function storedIndex(path: string): Promise<Buffer> {
  const target = await openTarget(`${place}/`, {})
  const name = path.slice(place.length + 1)
  const read = async (offset: number, length: number) => {
    const chunks: Buffer[] = []
    for await (const chunk of await target.open(name, offset)) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).subarray(0, length)
  }
  return (await readIndex({ size: statSync(path).size, read })).index
}

test(`kill -9 at ${ROUNDS} random moments of backups, restores, incremental and scheduled ones`, async t => {
  const daemon = new TestDaemon()
  await daemon.start()
  try {
    await daemon.loadBusybox()
    const { backups, containers, volumes } = daemon.client
    const mountpoint = async (name: string) => (await volumes.create({ Name: name })).Mountpoint
    fill(await mountpoint('data'), 300, 12 * MB)
    fill(await mountpoint('other'), 200, 8 * MB)
    await mountpoint('copy')
    const binds = { HostConfig: { Binds: ['data:/data'] } }
    for (const name of ['one', 'two']) await started(daemon, name, SLEEP, binds)
    const take = async (volume: string, path: string, base?: Buffer) => {
      const target = await openTarget(`${place}/`, {})
      const { stream } = await backups.start({ Volumes: [volume], Pause: true }, base)
      await target.put(path.slice(place.length + 1), stream)
      return path
    }
    const check = async (path: string) => {
      const { id } = await backups.openRestore({ Verify: true })
      await backups.feed(id, 0, createReadStream(path))
      assert.equal((await backups.commit(id)).state, 'verified', path)
    }
    const [full, another] = [await take('data', join(place, 'full')), await take('other', join(place, 'another'))]
    const base = await storedIndex(full)
    const [dataDigest, otherDigest] = [await backups.digest('data'), await backups.digest('other')]
    const restore = async (path: string) => {
      const { id } = await backups.openRestore({ Rename: { '': 'copy' }, Replace: true })
      await backups.feed(id, 0, createReadStream(path))
      await backups.commit(id)
    }
    await restore(another)
    mkdirSync(join(place, 'scheduled'))
    const { id: schedule } = await backups.addSchedule({
      ...{ Volumes: ['data'], When: '@every 24h', Target: join(place, 'scheduled'), Pause: true },
      ...{ FullEvery: 3, Retention: { keepLast: 3 } },
    })
    const actions: Record<string, () => Promise<unknown>> = {
      backup: () => take('data', join(place, 'new')),
      incremental: () => take('data', join(place, 'new'), base),
      'restore of one': () => restore(full),
      'restore of the other': () => restore(another),
      schedule: () => backups.changeSchedule(schedule, 'run'),
    }
    const names = Object.keys(actions)
    let done = 0
    for (let round = 0; round < ROUNDS; round++) {
      const name = names[round % names.length]!
      const about = `round ${round}, ${name}`
      rmSync(join(place, 'new'), { force: true })
      const acting = actions[name]!().then(
        () => ++done,
        (error: unknown) => {
          const expected =
            error instanceof BerthError || ['ECONNRESET', 'EPIPE'].includes((error as { code?: string }).code ?? '')
          if (!expected) throw error
        },
      )
      await Promise.race([acting, sleep(Math.random() * 400)])
      await daemon.stop('SIGKILL')
      await acting
      await daemon.start()
      for (const one of ['one', 'two']) {
        await until(
          `${about}: ${one} running`,
          async () => (await containers.inspect(one)).State.Status === 'running' || undefined,
        )
      }
      assert.equal(await backups.digest('data'), dataDigest, about)
      assert.ok([dataDigest, otherDigest].includes(await backups.digest('copy')), about)
      const below = readdirSync(join(daemon.dataRoot, 'volumes'))
      const stray = below.filter(entry => !['data', 'other', 'copy'].includes(entry))
      await until(
        `${about}: nothing but the volumes (${stray.join(' ')})`,
        () =>
          readdirSync(join(daemon.dataRoot, 'volumes')).every(entry => ['data', 'other', 'copy'].includes(entry)) ||
          undefined,
      )
      if (readdirSync(place).includes('new')) await check(join(place, 'new'))
    }
    const scheduled = readdirSync(join(place, 'scheduled')).filter(name => !name.startsWith('.'))
    for (const name of scheduled) await check(join(place, 'scheduled', name))
    t.diagnostic(`${done} of ${ROUNDS} were over before the kill; ${scheduled.length} scheduled backups are left`)
    await backups.removeSchedule(schedule)
    await clear(daemon)
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'volumes')), [])
  } finally {
    await daemon.dispose()
  }
})

test('a full disk, where backups go and where volumes are: nothing half, and the space is given back', async () => {
  const disk = (name: string, megabytes: number, where: string) => {
    const image = join(place, `${name}.img`)
    execFileSync('truncate', ['-s', `${megabytes}M`, image])
    execFileSync('mkfs.ext4', ['-q', image])
    mkdirSync(where, { recursive: true })
    execFileSync('mount', ['-o', 'loop', image, where])
    return () => execFileSync('umount', [where])
  }
  const free = (where: string) => statfsSync(where).bavail * statfsSync(where).bsize
  const daemon = new TestDaemon()
  const undo = [disk('root', 100, daemon.dataRoot), disk('target', 24, join(place, 'small'))]
  try {
    await daemon.start()
    await daemon.loadBusybox()
    const { backups, containers, volumes } = daemon.client
    fill((await volumes.create({ Name: 'data' })).Mountpoint, 100, 30 * MB)
    await started(daemon, 'user', SLEEP, { HostConfig: { Binds: ['data:/data'] } })
    const small = `${join(place, 'small')}/`
    const before = free(small)
    for (let i = 0; i < 3; i++) {
      const refused = daemon.berth('volume', 'backup', 'data', '--pause', '-o', small)
      assert.match(refused.stderr, /no space left/)
      assert.equal((await containers.inspect('user')).State.Status, 'running')
      assert.deepEqual(
        readdirSync(small).filter(name => name !== 'lost+found'),
        [],
      )
      assert.ok(free(small) > before - MB)
    }
    const archive = join(place, 'large.tar.zst')
    assert.equal(daemon.berth('volume', 'backup', 'data', '-q', '-o', archive).code, 0)
    const digest = await backups.digest('data')
    assert.equal(daemon.berth('volume', 'restore', 'second', '-q', '-i', archive).code, 0)
    await containers.remove('user', { force: true })
    const room = free(daemon.dataRoot)
    for (const args of [['third'], ['second', '--replace'], ['data', '--replace']]) {
      const refused = daemon.berth('volume', 'restore', ...args, '-i', archive)
      assert.notEqual(refused.code, 0, args.join(' '))
      assert.match(refused.stderr, /no space|ENOSPC|full/i)
      assert.equal(await backups.digest('data'), digest)
      assert.equal(await backups.digest('second'), digest)
      await until('the space', () => free(daemon.dataRoot) > room - 2 * MB || undefined)
    }
    assert.deepEqual((await volumes.list()).Volumes!.map(({ Name }) => Name).toSorted(), ['data', 'second'])
  } finally {
    await daemon.stop()
    await daemon.start()
    await clear(daemon)
    await daemon.stop()
    for (const one of undo) one()
    await daemon.dispose().catch(() => {})
    rmSync(daemon.directory, { recursive: true, force: true })
  }
})
