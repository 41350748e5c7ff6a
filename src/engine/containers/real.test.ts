import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { extract, pack } from 'tar-stream'
import type { ContainerConfig, HostConfig } from '#model/config.ts'
import { containerConfig, hostConfigOf } from './testing/harness.ts'
import { realEngine, type RealEngine } from './testing/real.ts'

const NEVER = new AbortController().signal

describe('containers on the real host', { skip: process.getuid?.() !== 0 }, () => {
  let t: RealEngine
  before(async () => {
    t = await realEngine()
  })
  after(() => t.close())

  async function create(
    cmd: string[],
    host: Partial<HostConfig> = {},
    config: Partial<ContainerConfig> = {},
    name = '',
  ) {
    const request = {
      name,
      config: containerConfig({ Image: 'busybox', Cmd: cmd, ...config }),
      hostConfig: hostConfigOf(host),
      endpoints: {},
    }
    return (await t.containers.create(request)).id
  }

  async function run(cmd: string[], host: Partial<HostConfig> = {}, config: Partial<ContainerConfig> = {}) {
    const id = await create(cmd, { NetworkMode: 'none', AutoRemove: true, ...host }, config)
    const attachment = await t.containers.attach(id, { signal: NEVER })
    const { result } = await t.containers.wait(id, 'removed', NEVER)
    await t.containers.start(id)
    let output = ''
    for await (const { data } of attachment.output) output += data.toString()
    return { output, exitCode: (await result).exitCode }
  }
  const sh = (script: string, ...rest: [Partial<HostConfig>?, Partial<ContainerConfig>?]) =>
    run(['sh', '-c', script], ...rest)

  async function exec(id: string, command: string[], more: { user?: string; tty?: boolean } = {}) {
    const execId = await t.containers.execCreate(id, {
      command,
      env: ['E=1'],
      user: more.user ?? '',
      workingDir: '',
      privileged: false,
      tty: more.tty ?? false,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
      detachKeys: '',
      consoleSize: null,
    })
    const attachment = await t.containers.execStart(execId, { detach: false })
    let output = ''
    for await (const { data } of attachment?.output ?? []) output += data.toString()
    return { output, exitCode: t.containers.execGet(execId).exitCode }
  }

  test('runs: output, exit code, user, workdir, environment, hostname', async () => {
    assert.deepEqual(await sh('echo out; exit 3'), { output: 'out\n', exitCode: 3 })
    const { output } = await sh(
      'id -u; id -g; pwd; echo $A; hostname',
      {},
      { User: '1000:50', WorkingDir: '/made/here', Env: ['A=b'], Hostname: 'box' },
    )
    assert.equal(output, '1000\n50\n/made/here\nb\nbox\n')
  })

  test('stdin of 3 MB comes back byte for byte', async () => {
    const id = await create(['cat'], { NetworkMode: 'none', AutoRemove: true }, { OpenStdin: true, StdinOnce: true })
    const attachment = await t.containers.attach(id, { signal: NEVER })
    const { result } = await t.containers.wait(id, 'removed', NEVER)
    await t.containers.start(id)
    const sent = Buffer.alloc(3_000_000, 'abcdefg\n')
    ;(attachment.stdin as NodeJS.WritableStream).end(sent)
    const parts: Buffer[] = []
    for await (const { data } of attachment.output) parts.push(data)
    assert.ok(Buffer.concat(parts).equals(sent))
    assert.equal((await result).exitCode, 0)
  })

  test('confined by default: no mount, no namespaces, /proc/sys read-only, /proc masked', async () => {
    const { output } = await sh(
      'mount -t tmpfs x /mnt 2>/dev/null || echo nomount; unshare -m true 2>/dev/null || echo nons; ' +
        '(echo 1 > /proc/sys/vm/drop_caches) 2>/dev/null || echo ro; grep Seccomp: /proc/self/status; test -s /proc/timer_list || echo masked',
    )
    assert.equal(output, 'nomount\nnons\nro\nSeccomp:\t2\nmasked\n')
    const open = await sh('mount -t tmpfs x /tmp && echo mounted; grep Seccomp: /proc/self/status', {
      Privileged: true,
    })
    assert.equal(open.output, 'mounted\nSeccomp:\t0\n')
    assert.match((await sh('ls /dev/null /dev/kmsg', { Privileged: true })).output, /kmsg/)
  })

  test('limits, tmpfs, read-only root, shm, init, sysctl, ulimit', async () => {
    const { output } = await sh(
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max; ' +
        'touch /x 2>/dev/null || echo ro; touch /t/x && echo t; df -k /dev/shm | tail -1 | awk "{print \\$2}"; ' +
        'cat /proc/sys/kernel/shmmax; ulimit -n; cat /proc/1/cmdline | tr "\\0" " "',
      {
        Memory: 64 * 1024 * 1024,
        ReadonlyRootfs: true,
        Tmpfs: { '/t': 'size=1m' },
        ShmSize: 1024 * 1024,
        Init: true,
        Sysctls: { 'kernel.shmmax': '123456' },
        Ulimits: [{ Name: 'nofile', Soft: 77, Hard: 88 }],
      },
    )
    assert.match(output, /^67108864\nro\nt\n1024\n123456\n77\n\/sbin\/docker-init -- sh/)
  })

  test('a command that is not there: 127 in the state and nothing left', async () => {
    const id = await create(['nope'])
    await assert.rejects(t.containers.start(id), {
      kind: 'invalid',
      message: /exec: "nope": executable file not found in \$PATH: unknown$/,
    })
    const { state } = t.containers.get(id)
    assert.equal(state.kind === 'created' && state.exitCode, 127)
    assert.ok(!(await t.runtime.list()).includes(id))
    await t.containers.remove(id, { force: false, volumes: false, link: false })
  })

  test('binds and volumes: made, filled from the image, read-only, kept', async () => {
    const source = join(t.base, 'made/by/us')
    const first = await sh(
      'echo kept > /v/f; touch /ro/x 2>/dev/null || echo ro; touch /b/x; ls /etc2 | grep -c passwd',
      {
        Binds: [`data:/v`, `${source}:/b`, `${t.base}:/ro:ro`, 'etc:/etc2:nocopy'],
      },
    )
    assert.equal(first.output, 'ro\n0\n')
    assert.ok(existsSync(join(source, 'x')))
    assert.equal((await sh('cat /v/f', { Binds: ['data:/v'] })).output, 'kept\n')
    const copied = await sh('test -e /bin/busybox && ls -d /bin/sh', { Binds: ['bin:/bin'] })
    assert.equal(copied.output, '/bin/sh\n')
    await assert.rejects(
      create(['true'], { Mounts: [{ Type: 'bind', Source: join(t.base, 'absent'), Target: '/x' }] }),
      /bind source path does not exist/,
    )
    assert.ok(readFileSync(join(t.volumes.get('data').mountpoint, 'f'), 'utf8') === 'kept\n')
  })

  test('exec: environment, user, exit codes, a missing command, a terminal', async () => {
    const id = await create(['sleep', '100'], {}, { Env: ['A=1'] })
    await t.containers.start(id)
    assert.deepEqual(await exec(id, ['sh', '-c', 'echo $A $E; id -u; exit 9'], { user: '77' }), {
      output: '1 1\n77\n',
      exitCode: 9,
    })
    const missing = await exec(id, ['nope'])
    assert.equal(missing.exitCode, 127)
    assert.match(missing.output, /executable file not found/)
    assert.match((await exec(id, ['tty'], { tty: true })).output, /\/dev\/pts\/\d/)
    for (let round = 0; round < 5; round++) assert.equal((await exec(id, ['echo', 'x'])).output, 'x\n')
    const { titles, processes } = await t.containers.top(id, '')
    assert.equal(titles[0], 'UID')
    assert.match(processes[0]?.at(-1) ?? '', /sleep 100/)
    for await (const sample of t.containers.stats(id, { stream: false, oneShot: true, signal: NEVER })) {
      assert.ok(sample.cgroup.memory.usage > 0 && sample.systemCpu > 0)
    }
    await t.containers.kill(id, 'KILL')
    const { state } = t.containers.get(id)
    assert.equal(state.kind === 'exited' && state.last.code, 137)
    await t.containers.remove(id, { force: false, volumes: false, link: false })
  })

  test('stop, restart, pause, logs, update on a bridge network', async () => {
    const script = 'trap "echo bye; exit 4" TERM; echo start; while :; do sleep 0.05; done'
    const id = await create(['sh', '-c', script], {}, {}, 'life')
    const log = async () => {
      let text = ''
      const request = { stdout: true, stderr: true, follow: false, since: 0n, until: 0n, signal: NEVER }
      for await (const line of await t.containers.logs(id, request)) text += line.data.toString()
      return text
    }
    // Its trap must be set before the signal comes.
    const started = async (times: number) => {
      while ((await log()).split('start').length <= times) await new Promise(resolve => setTimeout(resolve, 5))
    }
    await t.containers.start('life')
    await started(1)
    assert.match(t.containers.get(id).endpoints['bridge']?.ipv4 ?? '', /^\d+\./)
    await t.containers.pause(id)
    await t.containers.unpause(id)
    await t.containers.update(id, { Memory: 32 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 })
    await t.containers.stop(id, { timeout: 5 })
    const { state } = t.containers.get(id)
    assert.equal(state.kind === 'exited' && state.last.code, 4)
    await t.containers.restart(id, {})
    await started(2)
    await t.containers.stop(id, { timeout: 5 })
    assert.equal(await log(), 'start\nbye\nstart\nbye\n')
    await t.containers.remove(id, { force: false, volumes: false, link: false })
  })

  test('a restart of the engine: running ones live on, ended ones are noticed, policies hold', async () => {
    const stays = await create(['sleep', '100'], {}, {}, 'stays')
    const ends = await create(['sh', '-c', 'sleep 0.2; exit 6'], { NetworkMode: 'none' }, {}, 'ends')
    for (const id of [stays, ends]) await t.containers.start(id)
    const before = t.containers.get('stays')
    const pause = new Promise(resolve => setTimeout(resolve, 400))
    await t.restart(pause)
    const after = t.containers.get('stays')
    assert.equal(
      after.state.kind === 'running' && after.state.run.pid,
      before.state.kind === 'running' && before.state.run.pid,
    )
    const { state } = t.containers.get('ends')
    assert.equal(state.kind === 'exited' && state.last.code, 6)
    assert.equal((await exec(stays, ['echo', 'alive'])).output, 'alive\n')
    for (const id of [stays, ends]) await t.containers.remove(id, { force: true, volumes: false, link: false })
  })

  test('copying in and out, running and stopped, into a volume, never out of the root', async () => {
    const id = await create(['sh', '-c', 'mkdir /d; echo hi > /d/f; ln -s /etc/passwd /d/l; sleep 100'], {
      Binds: ['vol:/vol'],
    })
    await t.containers.start(id)
    while ((await exec(id, ['test', '-L', '/d/l'])).exitCode !== 0);
    const { stat, tar } = await t.containers.archiveGet(id, '/d')
    assert.deepEqual([stat.kind, stat.name], ['directory', 'd'])
    const names: string[] = []
    const reader = extract()
    reader.on('entry', (header, stream, next) => {
      names.push(header.name)
      stream.resume()
      stream.on('end', next)
    })
    tar.pipe(reader)
    await new Promise<void>(resolve => reader.on('finish', () => resolve()))
    assert.deepEqual(names.map(name => name.replace(/\/$/, '')).sort(), ['d', 'd/f', 'd/l'])
    const put = async (path: string) => {
      const archive = pack()
      archive.entry({ name: 'in' }, 'text')
      archive.finalize()
      const stream = new PassThrough()
      archive.pipe(stream)
      await t.containers.archivePut(id, path, stream, { noOverwriteDirNonDir: false, copyUidGid: false })
    }
    await put('/vol')
    assert.equal((await exec(id, ['cat', '/vol/in'])).output, 'text')
    await t.containers.kill(id, 'KILL')
    await put('/d')
    assert.equal((await t.containers.archiveStat(id, '/d/in')).size, 4)
    await assert.rejects(t.containers.archiveStat(id, '/absent'), {
      kind: 'not-found',
      message: /Could not find the file \/absent in container/,
    })
    const changed = (await t.containers.changes(id)).map(change => change.Path)
    assert.ok(changed.includes('/d/in'), changed.join(' '))
    await t.containers.remove(id, { force: true, volumes: true, link: false })
  })

  test('health checks run in the container', async () => {
    const Healthcheck = { Test: ['CMD-SHELL', 'echo well; test -e /ok'], Interval: 50e6, Retries: 2, Timeout: 5e9 }
    const id = await create(['sh', '-c', 'sleep 0.3; touch /ok; sleep 100'], { NetworkMode: 'none' }, { Healthcheck })
    const stop = AbortSignal.timeout(10_000)
    const wanted = new Map([
      ['event', ['health_status']],
      ['container', [id]],
    ])
    const stream = t.events.stream(wanted, { signal: stop })
    await t.containers.start(id)
    const seen: string[] = []
    for await (const event of stream) {
      seen.push(event.Action)
      if (event.Action === 'health_status: healthy') break
    }
    assert.equal(seen.at(-1), 'health_status: healthy')
    const { state } = t.containers.get(id)
    assert.equal(state.kind === 'running' && state.health?.Log[0]?.Output, 'well\n')
    await t.containers.remove(id, { force: true, volumes: false, link: false })
  })

  test('namespaces of another container are shared; devices are given', async () => {
    const id = await create(['sleep', '100'], { IpcMode: 'shareable' })
    await t.containers.start(id)
    const mode = `container:${id}`
    const { output } = await sh('ps | grep -c "sleep 10[0]"; ip -4 addr show eth0 | grep -c inet', {
      NetworkMode: mode,
      PidMode: mode,
      IpcMode: mode,
    })
    assert.match(output, /^1\n1\n$/)
    await t.containers.remove(id, { force: true, volumes: false, link: false })
    const device = { PathOnHost: '/dev/full', PathInContainer: '/dev/mine', CgroupPermissions: 'r' }
    assert.equal(
      (await sh('head -c1 /dev/mine | wc -c; (echo > /dev/mine) 2>/dev/null || echo no', { Devices: [device] })).output,
      '1\nno\n',
    )
  })

  test('ten at once start and are gone', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, (_, i) => sh(`echo ${i}`, { NetworkMode: 'bridge' })))
    assert.deepEqual(
      results.map(result => result.output),
      Array.from({ length: 10 }, (_, i) => `${i}\n`),
    )
    await t.containers.shutdown()
    assert.deepEqual(await t.runtime.list(), [])
    await t.restart()
  })
})
