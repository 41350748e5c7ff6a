import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import { test } from 'node:test'
import { BerthError, isKind } from '#lib/errors.ts'
import { mount, umount2 } from '#kernel/ffi/libc.ts'
import { isAlive } from '#kernel/processes/proc.ts'
import { readLayout } from '#kernel/cgroups/layout.ts'
import { exitsOf, RuntimeFixture } from './testing/harness.ts'
import { specOf } from './testing/rootfs.ts'

const directory = process.cwd()
const fixture = new RuntimeFixture()
const { runtime } = fixture.open()
const exits = exitsOf(runtime)

/** Runs to the end. @returns what it wrote, and the exit code */
async function run(args: string[], change: (spec: ReturnType<typeof specOf>) => void = () => {}) {
  const options = fixture.options(args)
  change(options.spec)
  await runtime.create(options)
  const attachment = await runtime.attach({ containerId: options.id })
  await runtime.start(options.id)
  let output = ''
  for await (const { data } of attachment.output) output += data.toString()
  const exit = await exits.of(options.id)
  await runtime.delete(options.id)
  return { output, exit }
}

test('commands that cannot be executed fail at create, with a reason, and leave nothing', async () => {
  writeFileSync(join(fixture.rootfs, 'etc/plain'), 'x')
  const cases = [
    ['nope', 'command-not-found', 'executable file not found in $PATH'],
    ['/no/pe', 'command-not-found', 'no such file or directory'],
    ['/etc/plain', 'not-executable', 'permission denied'],
    ['/etc', 'not-executable', 'is a directory'],
  ] as const
  for (const [command, reason, words] of cases) {
    const options = fixture.options([command])
    await assert.rejects(runtime.create(options), error => {
      assert.ok(error instanceof BerthError)
      assert.equal(error.details.reason, reason, error.message)
      assert.ok(error.message.includes(words), error.message)
      return true
    })
    assert.equal((await runtime.inspect(options.id)).kind, 'absent')
    assert.ok(!existsSync(join(fixture.execRoot, 'runtime', options.id)))
    assert.ok(!existsSync(join(readLayout().roots.values().next().value!, fixture.cgroupParent, options.id)))
  }
})

test('an exec of a command that is not there says so', async () => {
  const options = fixture.options(['sleep', '1000'])
  await runtime.create(options)
  await runtime.start(options.id)
  for (const attach of [false, true]) {
    const exec = { containerId: options.id, execId: fixture.id(), process: specOf('', '', ['nope']).process }
    await assert.rejects(
      runtime.exec({ ...exec, stdin: false, attach }),
      error => error instanceof BerthError && error.details.reason === 'command-not-found',
    )
    assert.deepEqual(readdirSync(join(fixture.execRoot, 'containers', options.id, 'execs')), [])
  }
  await runtime.delete(options.id)
})

test('a spec that the runtime refuses fails with its words', async () => {
  const options = fixture.options(['true'])
  options.spec.mounts.push({ destination: '/x', type: 'bind', source: '/no/such/source', options: ['bind'] })
  await assert.rejects(runtime.create(options), /OCI runtime create failed: .*no.such.source/i)
})

test('the process inherits nothing from the daemon', async () => {
  const script =
    'ls /proc/self/fd | tr "\\n" " "; cat /proc/self/oom_score_adj; grep SigIgn /proc/self/status; env | sort'
  const { output } = await run(['sh', '-c', script])
  // 3 is ls's own. PWD and SHLVL are the shell's.
  const env = 'PATH=/bin\nPWD=/\nSHLVL=1\nTERM=xterm\n'
  assert.equal(output.replace(/HOME=.*\n|HOSTNAME=.*\n/g, ''), `0 1 2 3 0\nSigIgn:\t0000000000000000\n${env}`)
})

test('a process killed for memory is reported as such', async () => {
  const { exit } = await run(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'], spec => {
    spec.linux.resources = { memory: { limit: 16 * 1024 * 1024, swap: 16 * 1024 * 1024 } }
  })
  assert.equal(exit.exitCode, 137)
  assert.equal(exit.oomKilled, true)
})

test('a paused container stands still, runs on, and can be deleted while paused', async () => {
  const path = join(fixture.dataRoot, 'pause.log')
  const options = fixture.options(['sh', '-c', 'while :; do echo x; sleep 0.01; done'], { log: { path } })
  await runtime.create(options)
  await runtime.start(options.id)
  const grows = async () => {
    const before = statSync(path).size
    await setTimeout(80)
    return statSync(path).size > before
  }
  assert.equal(await grows(), true)
  await runtime.pause(options.id)
  await setTimeout(20)
  assert.equal(await grows(), false)
  await runtime.resume(options.id)
  assert.equal(await grows(), true)
  await runtime.pause(options.id)
  await runtime.delete(options.id)
  assert.equal((await exits.of(options.id)).exitCode, 137)
})

test('limits can be changed while it runs, and counters read', async () => {
  const options = fixture.options(['sh', '-c', 'while :; do :; done'])
  await runtime.create(options)
  await runtime.start(options.id)
  const limit = 64 * 1024 * 1024
  await runtime.update(options.id, { memory: { limit }, pids: { limit: 33 } })
  await setTimeout(50)
  const paths = runtime.cgroupPaths(options.id)
  const stats = fixture.cgroups.stats(paths)
  assert.equal(stats.memory.limit, limit)
  assert.equal(stats.pids.limit, 33)
  assert.equal(stats.pids.current, 1)
  assert.ok(stats.cpu.totalUsage > 10_000_000 && stats.cpu.totalUsage < 10_000_000_000)
  assert.ok(stats.memory.usage > 4096 && stats.memory.usage < limit)
  const status = await runtime.inspect(options.id)
  assert.deepEqual(fixture.cgroups.pids(paths), [status.kind === 'running' ? status.pid : 0])
  assert.equal(fixture.cgroups.oomKilled(paths), false)
  const strays = fixture.cgroups.strays(fixture.cgroupParent, new Set())
  assert.deepEqual(strays, [paths])
  assert.deepEqual(fixture.cgroups.strays(fixture.cgroupParent, new Set([options.id])), [])
  await runtime.delete(options.id)
  assert.deepEqual(fixture.cgroups.strays(fixture.cgroupParent, new Set()), [])
})

test('processes outside the container’s pid namespace end with it', async () => {
  const options = fixture.options(['sh', '-c', 'setsid sleep 1000 & exec sleep 1000'])
  options.spec.linux.namespaces = options.spec.linux.namespaces.filter(({ type }) => type !== 'pid')
  options.spec.mounts = options.spec.mounts.filter(({ destination }) => destination !== '/proc')
  await runtime.create(options)
  await runtime.start(options.id)
  const paths = runtime.cgroupPaths(options.id)
  while (fixture.cgroups.pids(paths).length < 2) await setTimeout(5)
  await runtime.delete(options.id)
  assert.deepEqual(fixture.cgroups.pids(paths), [])
})

test('a source mounted after the runtime was opened is seen', async () => {
  const source = join(fixture.base, 'late')
  mkdirSync(source)
  const { output: before } = await run(['ls', '/late'], spec => bind(spec, source))
  mount('tmpfs', source, 'tmpfs', 0)
  try {
    writeFileSync(join(source, 'file'), 'x')
    const { output } = await run(['ls', '/late'], spec => bind(spec, source))
    assert.deepEqual([before, output], ['', 'file\n'])
  } finally {
    umount2(source)
  }
})

function bind(spec: ReturnType<typeof specOf>, source: string): void {
  spec.mounts.push({ destination: '/late', type: 'bind', source, options: ['rbind'] })
}

test('what is mounted below the data root later is seen', async () => {
  const source = join(fixture.dataRoot, 'later')
  mkdirSync(source)
  mount('tmpfs', source, 'tmpfs', 0)
  try {
    writeFileSync(join(source, 'file'), 'x')
    assert.equal((await run(['ls', '/late'], spec => bind(spec, source))).output, 'file\n')
  } finally {
    umount2(source)
  }
})

test('the working directory of the daemon stays as it is', async () => {
  await run(['true'])
  assert.equal(process.cwd(), directory)
  assert.equal(statSync('.').ino, statSync(directory).ino)
})

test('a killed daemon leaves its containers, and the next one has their exits and no cost beyond 3 MB each', async () => {
  const id = fixture.id()
  const script = fileURLToPath(import.meta.resolve('./testing/daemon.ts'))
  const args = [script, fixture.execRoot, fixture.dataRoot, id, fixture.cgroupParent]
  const daemon = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  await once(daemon.stdout, 'data')
  // The whole process group, as a terminal or a service manager would.
  process.kill(-daemon.pid!, 'SIGKILL')
  await once(daemon, 'exit')
  const status = await runtime.inspect(id)
  assert.ok(status.kind === 'running' && isAlive(status.pid, status.pidStartTime))
  const log = join(fixture.dataRoot, 'survivor.log')
  const size = statSync(log).size
  await setTimeout(100)
  assert.ok(statSync(log).size > size, 'it goes on logging')

  const monitor = readFileSync(join(fixture.execRoot, 'containers', id, 'conmon.pid'), 'utf8')
  const rollup = readFileSync(`/proc/${monitor}/smaps_rollup`, 'utf8')
  const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1])
  assert.ok(kilobytes < 3 * 1024, `the monitor takes ${kilobytes} kB`)

  const exec = { containerId: id, execId: fixture.id(), process: specOf('', '', ['touch', '/tmp/stop']).process }
  await runtime.exec({ ...exec, stdin: false })
  assert.equal((await exits.of(id)).exitCode, 21)
  const again: string[] = []
  fixture.open().runtime.watchExits(report => again.push(report.containerId))()
  assert.ok(again.includes(id), 'an exit that was not deleted is reported to the next daemon')
  rmSync(join(fixture.rootfs, 'tmp/stop'))
  await runtime.delete(id)
})

test('a container whose monitor was killed is reported dead and can be deleted', async () => {
  const options = fixture.options(['sleep', '1000'])
  await runtime.create(options)
  await runtime.start(options.id)
  process.kill(Number(readFileSync(join(fixture.execRoot, 'containers', options.id, 'conmon.pid'), 'utf8')), 'SIGKILL')
  await runtime.delete(options.id)
  assert.equal((await exits.of(options.id)).exitCode, 137)
  assert.equal((await runtime.inspect(options.id)).kind, 'absent')
  await assert.rejects(runtime.start(options.id), error => isKind(error, 'conflict') || isKind(error, 'not-found'))
})
