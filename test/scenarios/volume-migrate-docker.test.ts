/** Volumes that go to a plain Docker and come from one. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { finish } from '#client/index.ts'
import { TestDaemon } from '../support/daemon.ts'
import { DockerEngine, dockerdHere } from '../support/docker-engine.ts'
import { Machines } from '../support/machines.ts'
import { SshServer, sshdHere } from '../support/ssh-server.ts'
import { commandOf, until } from '../support/tools.ts'
import { fill, output } from '../support/two-hosts.ts'

const skip = dockerdHere ? false : 'no dockerd here'
let machines: Machines
let docker: DockerEngine
const daemon = new TestDaemon()

before(async () => {
  if (skip) return
  machines = new Machines()
  docker = new DockerEngine()
  await Promise.all([docker.start(machines.path()), daemon.start()])
  await daemon.loadBusybox()
})
after(async () => {
  if (skip) return
  await docker.dispose()
  await daemon.dispose()
  machines.remove()
})

const migrate = (...args: string[]) => daemon.berth('volume', 'migrate', ...args)
const attributes = (path: string) => {
  const { mode, uid, gid, size, nlink, mtimeMs } = lstatSync(path)
  return { mode, uid, gid, size, nlink, mtime: Math.floor(mtimeMs / 1000) }
}

test('to plain Docker, compared there, and back', { skip }, async () => {
  const from = await fill(daemon, 'data', 2 << 20)
  const host = `unix://${docker.socket}`
  const none = migrate('data', host)
  assert.match(none.stderr, /there is no image at .*--helper-image/)
  assert.deepEqual((await docker.client.volumes.list()).Volumes ?? [], [])

  await finish(await docker.client.images.load(await daemon.client.images.save(['busybox'])), () => {})
  const there = migrate('data', host, '--remove')
  assert.equal(there.code, 0, there.stderr)
  // Docker shows no attributes: that they came along cannot be proven.
  assert.match(there.stderr, /not removed here: .*extended attributes of \d+ paths/)
  const { Mountpoint: to, Labels } = await docker.client.volumes.inspect('data')
  assert.deepEqual(Labels, { kept: 'yes' })
  for (const path of ['.', 'big', 'sub/file-1', 'sub/file-2', 'sub/file-3', 'sub/pointer', 'sparse']) {
    assert.deepEqual(attributes(join(to, path)), attributes(join(from, path)), path)
  }
  assert.equal(spawnSync('cmp', [join(from, 'sparse'), join(to, 'sparse')]).status, 0)
  assert.equal(lstatSync(join(to, 'big')).ino, lstatSync(join(to, 'sub/deep/linked')).ino)
  assert.deepEqual(await docker.client.containers.list({ all: true }), [])
  assert.match(migrate('data', host).stderr, /volume data exists already/)
  assert.match(migrate('data', host, '--replace').stderr, /cannot replace volume data in one step/)

  const back = daemon.berth(
    '-H',
    host,
    'volume',
    'migrate',
    'data',
    `unix://${daemon.socket}`,
    '--as',
    'again',
    '--remove',
  )
  assert.equal(back.code, 0, back.stderr)
  const again = (await daemon.client.volumes.inspect('again')).Mountpoint
  assert.equal(execFileSync('diff', ['-r', from, again], { encoding: 'utf8' }), '')
  assert.deepEqual(attributes(join(again, 'sub/file-1')), attributes(join(from, 'sub/file-1')))
  await assert.rejects(docker.client.volumes.inspect('data'), { kind: 'not-found' })
  assert.deepEqual(await docker.client.containers.list({ all: true }), [])
})

test(
  'over ssh: a command that is killed half way and a connection that breaks',
  { skip: skip || !sshdHere },
  async () => {
    await fill(daemon, 'far', 48 << 20)
    const bin = join(docker.directory, 'bin')
    mkdirSync(bin)
    // Docker's own program at the far end, and no Berth.
    const program = `#!/bin/sh\nexec /usr/bin/env PATH=/usr/local/bin:/usr/bin docker -H unix://${docker.socket} "$@"\n`
    writeFileSync(join(bin, 'docker'), program, { mode: 0o755 })
    symlinkSync('/bin/sh', join(bin, 'sh'))
    const server = await SshServer.start({ environment: { PATH: bin } })
    try {
      const launch = () => {
        const env = { ...process.env, BERTH_HOST: `unix://${daemon.socket}`, BERTH_SSH: server.command }
        const words = [...commandOf('berth'), 'volume', 'migrate', 'far', server.url('')]
        return spawn(words[0]!, words.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
      }
      const halfWay = () =>
        until(
          'some of it is there',
          () => {
            const big = join(docker.directory, 'data/volumes/far/_data/big')
            return (lstatSync(big, { throwIfNoEntry: false })?.size ?? 0) > 1 << 20 ? true : undefined
          },
          60_000,
        )
      const killed = launch()
      await halfWay()
      killed.kill('SIGKILL')
      const helpers = await docker.client.containers.list({ all: true })
      assert.deepEqual(
        helpers.map(({ Labels }) => Labels),
        [{ 'berth.migrate': 'far', 'berth.migrate.half': 'yes' }],
      )
      await until('its ssh ends', () => (server.sessions().length === 0 ? true : undefined), 20_000)

      const child = launch()
      const ended = output(child)
      await until(
        'the rest of before is gone',
        async () => {
          const [one] = await docker.client.containers.list({ all: true })
          return one && one.Id !== helpers[0]!.Id ? true : undefined
        },
        60_000,
      )
      await halfWay()
      server.cut()
      const { code, stderr } = await ended
      assert.equal(code, 0, stderr)
      assert.match(stderr, /sending everything again/)
      const to = (await docker.client.volumes.inspect('far')).Mountpoint
      const from = (await daemon.client.volumes.inspect('far')).Mountpoint
      assert.equal(execFileSync('diff', ['-r', from, to], { encoding: 'utf8' }), '')
      assert.deepEqual(await docker.client.containers.list({ all: true }), [])
    } finally {
      await server.dispose()
    }
  },
)
