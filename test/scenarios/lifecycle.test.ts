import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { BerthError } from '#lib/errors.ts'
import { clear, exitOf, inside, logged, SLEEP, started } from '../support/containers.ts'
import { TestDaemon, dockerClient } from '../support/daemon.ts'
import { ok, run, TOOLS, until } from '../support/tools.ts'

// What COMPAT.md says of containers and their mounts: a line, a test.

const daemon = new TestDaemon()
const { containers, volumes, images, events } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(() => clear(daemon))

const refusal = (kind: string, message: RegExp) => (error: unknown) =>
  error instanceof BerthError && error.kind === kind && message.test(error.message)

const stateOf = async (name: string) => (await containers.inspect(name)).State

for (const tool of TOOLS) {
  const skip = tool === 'docker' && !dockerClient && 'the docker client is not installed'
  describe(`exit codes with ${tool}`, { skip }, () => {
    const codeOf = async (...args: string[]) => (await run(daemon, tool, args)).code

    test("run: the process's own, 126, 127, 125, and signals", async () => {
      assert.equal(await codeOf('run', '--rm', 'busybox', 'sh', '-c', 'exit 3'), 3)
      assert.equal(await codeOf('run', '--rm', 'busybox', 'no-such-program'), 127)
      assert.equal(await codeOf('run', '--rm', 'busybox', '/etc'), 126)
      assert.equal(await codeOf('run', '--rm', '--no-such-flag', 'busybox', 'true'), 125)
      assert.equal(await codeOf('run', '--rm', '--network', 'no-such-network', 'busybox', 'true'), 125)
      assert.equal(await codeOf('run', '--rm', '--init', 'busybox', 'sh', '-c', 'kill -9 $$'), 137)
      assert.equal(await codeOf('run', '--rm', '--init', 'busybox', 'sh', '-c', 'kill -15 $$'), 143)
    })

    test('exec: the same, and 1 for a container that does not run', async () => {
      await started(daemon, 'target')
      assert.equal(await codeOf('exec', 'target', 'sh', '-c', 'exit 4'), 4)
      assert.equal(await codeOf('exec', 'target', 'no-such-program'), 127)
      assert.equal(await codeOf('exec', 'target', '/etc'), 126)
      await containers.kill('target')
      await exitOf(daemon, 'target')
      assert.equal(await codeOf('exec', 'target', 'true'), 1)
    })

    test('run in the background of what cannot start leaves it created, and says why', async () => {
      const { code, stderr } = await run(daemon, tool, ['run', '-d', '--name', 'bad', 'busybox', 'no-such-program'])
      assert.equal(code, 127)
      assert.match(stderr, /no-such-program/)
      const state = await stateOf('bad')
      assert.equal(state.Status, 'created')
      assert.equal(state.ExitCode, 127)
      assert.match(state.Error, /no-such-program/)
    })
  })
}

test('kill of a stopped container is a conflict; stop of a created one no error; start of a running one neither', async () => {
  await containers.create({ Image: 'busybox', Cmd: SLEEP }, { name: 'new' })
  await containers.stop('new')
  assert.equal((await stateOf('new')).Status, 'created')
  await assert.rejects(containers.kill('new'), refusal('conflict', /is not running/))
  await containers.start('new')
  assert.equal(await containers.start('new'), false)
  await containers.stop('new', { timeout: 0 })
  await assert.rejects(containers.kill('new'), refusal('conflict', /is not running/))
  assert.equal(await containers.stop('new'), false)
})

test('wait: not-running, next-exit, removed; anything else is wrong', async () => {
  const id = await started(daemon, 'short', ['sh', '-c', 'exit 6'])
  assert.equal(await exitOf(daemon, 'short'), 6)
  const next = await containers.wait(id, 'next-exit')
  const removed = await containers.wait(id, 'removed')
  await containers.start(id)
  assert.equal((await next.exit).StatusCode, 6)
  await containers.remove(id)
  assert.equal((await removed.exit).StatusCode, 6)
  await started(daemon, 'other')
  await assert.rejects(containers.wait('other', 'sometimes' as never), refusal('invalid', /invalid condition/))
})

test('State.Status uses the words of Docker only, alike in list and inspect', async () => {
  const seen: string[] = []
  const look = async () => {
    const { Status } = await stateOf('one')
    const [row] = await containers.list({ all: true, filters: { name: ['one'] } })
    assert.equal(row?.State, Status)
    seen.push(Status)
  }
  await containers.create(
    {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'sleep 1000'],
      HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } },
    },
    { name: 'one' },
  )
  await look()
  await containers.start('one')
  await look()
  await containers.pause('one')
  await look()
  await containers.unpause('one')
  await containers.stop('one', { timeout: 0 })
  await look()
  assert.deepEqual(seen, ['created', 'running', 'paused', 'exited'])
  await started(daemon, 'loop', ['false'], { HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } } })
  await until('restarting', async () => ((await stateOf('loop')).Status === 'restarting' ? true : undefined))
  assert.match((await containers.list({ filters: { name: ['loop'] } }))[0]!.Status, /^(Restarting \(1\)|Up)/)
})

test('a failing container is restarted so often and no more; the count is shown', async () => {
  await started(daemon, 'thrice', ['sh', '-c', 'echo run; exit 2'], {
    HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
  })
  await until('the end', async () => ((await stateOf('thrice')).Status === 'exited' ? true : undefined))
  const { RestartCount, State } = await containers.inspect('thrice')
  assert.deepEqual([RestartCount, State.ExitCode], [3, 2])
  assert.equal(await logged(daemon, 'thrice'), 'run\n'.repeat(4))
})

test('a user who stops a container that restarts for ever means it', async () => {
  await started(daemon, 'ever', ['false'], { HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } } })
  await containers.stop('ever')
  assert.equal((await stateOf('ever')).Status, 'exited')
})

test('--rm removes it, its anonymous volumes and not the named one', async () => {
  await ok(daemon, 'berth', ['run', '--rm', '-v', '/anonymous', '-v', 'named:/n', 'busybox', 'true'])
  await until('the removal', async () => ((await containers.list({ all: true })).length === 0 ? true : undefined))
  assert.deepEqual(
    (await volumes.list()).Volumes?.map(one => one.Name),
    ['named'],
  )
})

test('-v makes a missing source directory; --mount says that it is missing', async () => {
  const made = join(daemon.directory, 'made/by/v')
  await started(daemon, 'vee', ['true'], { HostConfig: { Binds: [`${made}:/data`] } })
  assert.ok(statSync(made).isDirectory())
  const missing = join(daemon.directory, 'missing')
  const { code, stderr } = await run(daemon, 'berth', [
    'run',
    '--rm',
    '--mount',
    `type=bind,src=${missing},dst=/data`,
    'busybox',
    'true',
  ])
  assert.equal(code, 125)
  assert.match(stderr, /bind source path does not exist/)
  assert.ok(!existsSync(missing))
})

test('copy-up: content, owner and mode; never into a volume that has something; not with nocopy', async () => {
  await started(daemon, 'maker', [
    'sh',
    '-c',
    'mkdir -p /srv/data/sub && echo image > /srv/data/file && ln -s file /srv/data/link && chown 33:44 /srv/data /srv/data/file && chmod 750 /srv/data',
  ])
  await exitOf(daemon, 'maker')
  await containers.commit({ container: 'maker', repo: 'seeded' })
  const look = ['sh', '-c', 'cd /srv/data && stat -c "%n %u:%g %a" . file; readlink link; cat file']
  const request = (Binds: string[]) => ({ Image: 'seeded', HostConfig: { Binds } })
  await started(daemon, 'empty', look, request(['fresh:/srv/data']))
  await exitOf(daemon, 'empty')
  assert.equal(await logged(daemon, 'empty'), '. 33:44 750\nfile 33:44 644\nfile\nimage\n')
  const { Mountpoint } = await volumes.inspect('fresh')
  writeFileSync(join(Mountpoint, 'file'), 'changed\n')
  await started(daemon, 'again', ['cat', '/srv/data/file'], request(['fresh:/srv/data']))
  await exitOf(daemon, 'again')
  assert.equal(await logged(daemon, 'again'), 'changed\n')
  await started(daemon, 'bare', ['ls', '/srv/data'], request(['bare:/srv/data:nocopy']))
  await exitOf(daemon, 'bare')
  assert.equal(await logged(daemon, 'bare'), '')
  for (const one of ['maker', 'empty', 'again', 'bare']) await containers.remove(one)
  await images.remove('seeded')
})

test('a volume created again with other options is a conflict that names them', async () => {
  await volumes.create({ Name: 'opted', Labels: { a: '1' } })
  await volumes.create({ Name: 'opted', Labels: { a: '1' } })
  await assert.rejects(
    volumes.create({ Name: 'opted', DriverOpts: { type: 'tmpfs', device: 'tmpfs' } }),
    refusal('conflict', /opted/),
  )
})

test('a health check is kept as asked, and its state is State.Health', async () => {
  await ok(daemon, 'berth', [
    ...['run', '-d', '--name', 'sick', '--health-cmd', 'test -e /well', '--health-interval', '100ms'],
    ...['--health-retries', '1', '--health-timeout', '5s', 'busybox', ...SLEEP],
  ])
  const { Config } = await containers.inspect('sick')
  assert.deepEqual(Config.Healthcheck?.Test, ['CMD-SHELL', 'test -e /well'])
  const healthIs = (status: string) =>
    until(status, async () => ((await stateOf('sick')).Health?.Status === status ? true : undefined))
  await healthIs('unhealthy')
  assert.match((await containers.list())[0]!.Status, /\(unhealthy\)$/)
  const stream = await events.stream({ filters: { event: ['health_status'] } })
  await inside(daemon, 'sick', 'touch', '/well')
  for await (const event of stream) {
    assert.equal(event.Action, 'health_status: healthy')
    break
  }
  await healthIs('healthy')
  const { Health } = await stateOf('sick')
  assert.equal(Health?.FailingStreak, 0)
  assert.ok(Health!.Log!.some(probe => probe.ExitCode === 0))
})

test('names: one owner, free again after a rename, found by id prefix; labels filter', async () => {
  const id = await started(daemon, 'first', SLEEP, { Labels: { tier: 'web' } })
  await assert.rejects(
    containers.create({ Image: 'busybox' }, { name: 'first' }),
    refusal('conflict', /The container name "\/first" is already in use by container/),
  )
  await containers.rename('first', 'second')
  await started(daemon, 'first')
  assert.equal((await containers.inspect(id.slice(0, 8))).Name, '/second')
  const found = await containers.list({ filters: { label: ['tier=web'] } })
  assert.deepEqual(
    found.map(one => one.Names),
    [['/second']],
  )
  await assert.rejects(containers.inspect('third'), refusal('not-found', /No such container: third/))
})

test('inspect and list have empty maps where there is nothing, never null', async () => {
  const { Id } = await containers.create({ Image: 'busybox' }, { name: 'plain' })
  const shown = await containers.inspect(Id)
  assert.deepEqual(shown.Config.Labels, {})
  assert.deepEqual(shown.HostConfig.PortBindings, {})
  assert.deepEqual(Object.keys(shown.NetworkSettings.Networks), ['bridge'])
  assert.deepEqual(shown.NetworkSettings.Ports, {})
  assert.deepEqual((await containers.list({ all: true }))[0]!.Labels, {})
  assert.deepEqual(shown.Mounts, [])
})

test('out of memory: the kernel says so, and so does inspect', async () => {
  const stream = await events.stream({ filters: { event: ['oom'] } })
  await started(daemon, 'hungry', ['sh', '-c', 'head -c 200m /dev/zero | tail'], {
    HostConfig: { Memory: 32 << 20, MemorySwap: 32 << 20 },
  })
  assert.equal(await exitOf(daemon, 'hungry'), 137)
  assert.equal((await stateOf('hungry')).OOMKilled, true)
  for await (const event of stream) {
    assert.equal(event.Actor?.Attributes?.['name'], 'hungry')
    break
  }
})

test('cp: into and out of running and stopped containers, directories and streams', async () => {
  const here = join(daemon.directory, 'cp')
  mkdirSync(join(here, 'tree/sub'), { recursive: true })
  writeFileSync(join(here, 'tree/sub/file'), 'text')
  await started(daemon, 'files')
  for (const tool of dockerClient ? TOOLS : (['berth'] as const)) {
    await ok(daemon, tool, ['cp', join(here, 'tree'), `files:/${tool}`])
    assert.equal((await inside(daemon, 'files', 'cat', `/${tool}/sub/file`)).stdout, 'text')
    await ok(daemon, tool, ['cp', `files:/${tool}/.`, join(here, `back-${tool}`)])
    assert.equal(readFileSync(join(here, `back-${tool}/sub/file`), 'utf8'), 'text')
  }
  await containers.kill('files')
  await exitOf(daemon, 'files')
  await ok(daemon, 'berth', ['cp', 'files:/berth/sub/file', join(here, 'single')])
  assert.equal(readFileSync(join(here, 'single'), 'utf8'), 'text')
})
