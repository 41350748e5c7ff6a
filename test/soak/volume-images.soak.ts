import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BerthError } from '#lib/errors.ts'
import { clear, inside, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

// Volumes in images, and a daemon that is killed at random moments of their lives.

const ROUNDS = Number(process.env['KILLS'] ?? 30)
const KINDS: Record<string, string>[] = [{ size: '24M' }, { size: '64M', compress: 'zstd' }, { compress: 'lzo' }]

const daemon = new TestDaemon()
const { containers, volumes } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

/** Loop devices of files below the daemon's directory. */
function loops(): string[] {
  return readdirSync('/sys/block')
    .filter(name => name.startsWith('loop'))
    .flatMap(name => {
      try {
        return [readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()]
      } catch {
        return []
      }
    })
    .filter(file => file.startsWith(daemon.directory))
}

/** Makes, fills, copies, grows and removes volumes until the daemon is gone. */
async function life(round: number, number: number, stop: AbortSignal): Promise<void> {
  for (let i = 0; !stop.aborted; i++) {
    const name = `v${round}-${number}-${i}`
    try {
      await volumes.create({ Name: name, DriverOpts: KINDS[(number + i) % KINDS.length]! })
      // /etc comes up from the image.
      await containers.create({ Image: 'busybox', Cmd: SLEEP, HostConfig: { Binds: [`${name}:/etc`] } }, { name })
      await containers.start(name)
      await containers.remove(name, { force: true })
      await volumes.remove(name)
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind === 'unavailable') return
      throw error
    }
  }
}

test(`${ROUNDS} kills: nothing half made is seen, nothing stays attached, data is whole`, async () => {
  const script = 'i=0; while :; do i=$((i+1)); echo $i > /v/n.new; mv /v/n.new /v/n; done'
  await volumes.create({ Name: 'kept', DriverOpts: { size: '16M' } })
  await started(daemon, 'writer', ['sh', '-c', script], { HostConfig: { Binds: ['kept:/v'] } })
  let last = 0
  for (let round = 0; round < ROUNDS; round++) {
    const stop = new AbortController()
    const lives = [0, 1, 2].map(number => life(round, number, stop.signal))
    await sleep(Math.random() * 800)
    await daemon.stop('SIGKILL')
    stop.abort()
    await Promise.all(lives)
    await daemon.start()
    const root = join(daemon.dataRoot, 'volumes')
    const { Volumes } = await volumes.list()
    const names = (Volumes ?? []).map(volume => volume.Name)
    assert.deepEqual(
      readdirSync(root)
        .filter(name => !name.startsWith('.trash'))
        .toSorted(),
      names.toSorted(),
      `round ${round}`,
    )
    for (const name of names) {
      assert.ok(statSync(join(root, name, 'volume.img')).size > 0)
      assert.deepEqual(
        readdirSync(join(root, name)).filter(entry => !['_data', 'volume.img', 'options.json'].includes(entry)),
        [],
      )
    }
    // The writer never noticed; every other volume has nothing, or all that came up from the image.
    const now = Number((await inside(daemon, 'writer', 'cat', '/v/n')).stdout)
    assert.ok(now > last, `${now} after ${last}`)
    last = now
    for (const { Id, Names } of await containers.list({ all: true })) {
      if (!Names.includes('/writer')) await containers.remove(Id, { force: true })
    }
    for (const name of names.filter(one => one !== 'kept')) {
      await started(daemon, 'look', SLEEP, { HostConfig: { Binds: [`${name}:/look`] } })
      const { stdout } = await inside(daemon, 'look', 'ls', '/look')
      assert.ok(stdout === '' || stdout.includes('passwd'), `${name}: ${stdout}`)
      await containers.remove('look', { force: true })
      await volumes.remove(name)
    }
    await until('only one device', () => (loops().length === 1 ? true : undefined))
    assert.deepEqual(loops(), [join(root, 'kept', 'volume.img')])
  }
  await clear(daemon)
  await until('no device', () => (loops().length === 0 ? true : undefined))
})
