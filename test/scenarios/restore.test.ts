import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { clear, exitOf, inside, logged, obedient, SLEEP, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers } from '../support/leftovers.ts'
import { ok, until } from '../support/tools.ts'

// The daemon goes away, kindly or not, and comes back: nothing that runs notices, nothing that happened is lost.

const daemon = new TestDaemon()
const { containers, networks } = daemon.client
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())
afterEach(() => clear(daemon))

const ENDS = ['SIGTERM', 'SIGKILL'] as const
const stateOf = async (name: string) => (await containers.inspect(name)).State
const policy = (Name: 'always' | 'unless-stopped' | 'on-failure' | 'no') => ({
  HostConfig: { RestartPolicy: { Name, MaximumRetryCount: 0 } },
})
const alive = (pid: number) => existsSync(`/proc/${pid}`)

/** The end of a process that the daemon, being away, does not see. */
const gone = (pid: number) => until(`end of ${pid}`, () => (alive(pid) ? undefined : true))

for (const signal of ENDS) {
  test(`${signal}: containers, their ports, names and logs go on without a daemon`, async () => {
    await networks.create({ Name: 'live' })
    const script = 'httpd -p 80 -h /etc; i=0; while :; do i=$((i+1)); echo $i; usleep 20000; done'
    await started(daemon, 'web', ['sh', '-c', script], {
      HostConfig: { NetworkMode: 'live', PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
    })
    const shown = await containers.inspect('web')
    const port = shown.NetworkSettings.Ports!['80/tcp']![0]!.HostPort
    const get = async () =>
      (await fetch(`http://127.0.0.1:${port}/passwd`, { signal: AbortSignal.timeout(3000) })).status
    await until('the server', () => get().catch(() => undefined))
    await daemon.stop(signal)
    assert.ok(alive(shown.State.Pid))
    assert.equal(await get(), 200)
    const before = performance.now()
    await until('some lines more', () => (performance.now() - before > 300 ? true : undefined))
    await daemon.start()
    const again = await containers.inspect('web')
    assert.equal(again.State.Pid, shown.State.Pid)
    assert.equal(again.State.StartedAt, shown.State.StartedAt)
    assert.deepEqual(again.NetworkSettings.Networks, shown.NetworkSettings.Networks)
    assert.equal(await get(), 200)
    // A newcomer finds the one that was there, and the other way round.
    await started(daemon, 'late', SLEEP, { HostConfig: { NetworkMode: 'live' } })
    assert.equal((await inside(daemon, 'late', 'ping', '-c', '1', '-W', '2', 'web')).code, 0)
    assert.equal((await inside(daemon, 'web', 'ping', '-c', '1', '-W', '2', 'late')).code, 0)
    // A followed log goes on over the gap, without one.
    const abort = new AbortController()
    let text = ''
    for await (const { data } of await containers.logs('web', { follow: true, signal: abort.signal })) {
      text += data.toString()
      if (text.split('\n').length > 40) break
    }
    abort.abort()
    const numbers = text.trim().split('\n').map(Number)
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i + 1),
    )
    await containers.stop('web', { timeout: 0 })
    assert.equal((await stateOf('web')).ExitCode, 137)
    await assert.rejects(get())
  })

  test(`${signal}: an end that nobody saw is known afterwards, with its code, its time and its output`, async () => {
    const ends = await started(daemon, 'ends', [
      'sh',
      '-c',
      'until [ -e /go ]; do usleep 10000; done; echo last words; exit 5',
    ])
    await started(daemon, 'killed')
    const { Pid } = await stateOf('killed')
    const mine = (await stateOf('ends')).Pid
    await daemon.stop(signal)
    process.kill(Pid, 'SIGKILL')
    writeFileSync(`/proc/${mine}/root/go`, '')
    await Promise.all([gone(Pid), gone(mine)])
    const ended = Date.now()
    await daemon.start()
    const state = await stateOf(ends)
    assert.deepEqual([state.Status, state.ExitCode], ['exited', 5])
    assert.ok(Math.abs(Date.parse(state.FinishedAt) - ended) < 2000, state.FinishedAt)
    assert.equal(await logged(daemon, ends), 'last words\n')
    assert.equal(await exitOf(daemon, 'killed'), 137)
    assert.equal((await stateOf('killed')).Status, 'exited')
    assert.deepEqual(leftoversOfDead(), [])
  })
}

/** Nothing of the exited may remain on the host. */
function leftoversOfDead(): string[] {
  return leftovers(daemon).filter(line => !line.startsWith('cgroup'))
}

test('policies over a restart: what runs again, and what its user has stopped', async () => {
  const names = { always: 'always', unless: 'unless-stopped', failure: 'on-failure', no: 'no' } as const
  for (const [name, Name] of Object.entries(names)) {
    await started(daemon, `${name}-runs`, obedient(':'), policy(Name))
    await started(daemon, `${name}-stopped`, obedient(':'), policy(Name))
    await containers.stop(`${name}-stopped`, { timeout: 5 })
  }
  const pids = await Promise.all(Object.keys(names).map(async name => (await stateOf(`${name}-runs`)).Pid))
  await daemon.stop('SIGTERM')
  // As after a reboot: everything has ended and nobody was there.
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await Promise.all(pids.map(gone))
  await daemon.start()
  const running = (name: string) =>
    until(`${name} runs`, async () => ((await stateOf(name)).Running ? true : undefined))
  await Promise.all(['always-runs', 'always-stopped', 'unless-runs', 'failure-runs'].map(running))
  assert.equal((await stateOf('unless-stopped')).Status, 'exited', 'a stop is remembered')
  assert.equal((await stateOf('failure-stopped')).Status, 'exited')
  assert.equal((await stateOf('no-runs')).Status, 'exited')
  assert.equal((await stateOf('no-stopped')).Status, 'exited')
})

test('the end of the daemon is not a stop by the user', async () => {
  await started(daemon, 'keeper', obedient(':'), policy('unless-stopped'))
  for (let round = 0; round < 2; round++) {
    const { Pid } = await stateOf('keeper')
    await daemon.stop('SIGTERM')
    process.kill(Pid, 'SIGKILL')
    await gone(Pid)
    await daemon.start()
    await until('it runs again', async () => {
      const state = await stateOf('keeper')
      return (state.Running && state.Pid !== Pid && state.Pid > 0) || undefined
    })
  }
})

test('a --rm container that ends meanwhile is removed afterwards', async () => {
  await started(daemon, 'brief', SLEEP, { HostConfig: { AutoRemove: true, Binds: ['/anonymous'] } })
  const { Pid } = await stateOf('brief')
  await daemon.stop('SIGKILL')
  process.kill(Pid, 'SIGKILL')
  await gone(Pid)
  await daemon.start()
  await until('its removal', async () => ((await containers.list({ all: true })).length === 0 ? true : undefined))
})

test('no ghost endpoints, ports or addresses after a crash', async () => {
  await networks.create({ Name: 'ghosts', IPAM: { Config: [{ Subnet: '10.211.11.0/29' }] } })
  const request = (host: number) => ({
    HostConfig: { NetworkMode: 'ghosts', PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
    NetworkingConfig: { EndpointsConfig: { ghosts: { IPAMConfig: { IPv4Address: `10.211.11.${host}` } } } },
  })
  for (const host of [2, 3, 4]) await started(daemon, `g${host}`, SLEEP, request(host))
  const pids = await Promise.all([2, 3, 4].map(async host => (await stateOf(`g${host}`)).Pid))
  await daemon.stop('SIGKILL')
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await Promise.all(pids.map(gone))
  await daemon.start()
  assert.deepEqual((await networks.inspect('ghosts')).Containers, {})
  await until('no namespaces', () => {
    const left = readdirSync(join(daemon.execRoot, 'netns')).filter(name => !name.startsWith('warm-'))
    return left.length === 0 || undefined
  })
  await Promise.all([2, 3, 4].map(host => containers.remove(`g${host}`)))
  for (const host of [4, 3, 2]) await started(daemon, `h${host}`, SLEEP, request(host))
  await Promise.all([2, 3, 4].map(host => containers.remove(`h${host}`, { force: true })))
  await networks.remove('ghosts')
})

test('health checks, rotation and execs go on after a restart; a paused one stays paused', async () => {
  await ok(daemon, 'berth', [
    ...['run', '-d', '--name', 'checked', '--health-cmd', 'test ! -e /sick', '--health-interval', '100ms'],
    ...['--health-retries', '1', 'busybox', ...SLEEP],
  ])
  await started(daemon, 'frozen')
  await containers.pause('frozen')
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.equal((await stateOf('frozen')).Status, 'paused')
  await containers.unpause('frozen')
  assert.equal((await inside(daemon, 'frozen', 'echo', 'thawed')).stdout, 'thawed\n')
  assert.equal((await inside(daemon, 'checked', 'touch', '/sick')).code, 0)
  await until('unhealthy', async () => ((await stateOf('checked')).Health?.Status === 'unhealthy' ? true : undefined))
})

test('volumes and their users are remembered', async () => {
  await started(daemon, 'user', ['sh', '-c', 'echo kept > /data/file; exec sleep 1000'], {
    HostConfig: { Binds: ['remembered:/data'] },
  })
  await until('the file', async () =>
    (await inside(daemon, 'user', 'cat', '/data/file')).stdout === 'kept\n' ? true : undefined,
  )
  await daemon.stop('SIGKILL')
  await daemon.start()
  assert.deepEqual((await daemon.client.volumes.prune({ all: ['true'] })).VolumesDeleted ?? [], [])
  assert.equal((await inside(daemon, 'user', 'cat', '/data/file')).stdout, 'kept\n')
})
