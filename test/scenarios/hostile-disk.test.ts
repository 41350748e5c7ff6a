import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { call, type Answer } from '#http/testing/test-server.ts'
import { TestDaemon } from '../support/daemon.ts'
import { leftovers as allLeftovers } from '../support/leftovers.ts'
import { stateOf } from '../support/state.ts'
import { until } from '../support/tools.ts'
import { archive, member } from './bad-input-table.ts'

const MIB = 1 << 20
const FULL = /no space left on device/
const daemon = new TestDaemon()
const { containers } = daemon.client
const disk = mkdtempSync(join(tmpdir(), 'berth-disk-'))
const image = join(disk, 'image')
let saved: Buffer

before(async () => {
  closeSync(openSync(image, 'w'))
  truncateSync(image, 64 * MIB)
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image])
  mkdirSync(daemon.dataRoot)
  execFileSync('mount', ['-o', 'loop', image, daemon.dataRoot])
  await daemon.start()
  await daemon.loadBusybox()
  // Used up at once: the refusals below are those of a disk that is full to the last block.
  saved = await download('/images/busybox/get')
})
after(async () => {
  try {
    free()
    // Its directory is deleted with the file system still in it: unmounted first.
    const list = await containers.list({ all: true })
    await Promise.all(list.map(one => containers.remove(one.Id, { force: true, volumes: true })))
    await daemon.stop()
  } finally {
    await daemon.stop()
    execFileSync('umount', ['--recursive', daemon.dataRoot])
    rmSync(disk, { recursive: true })
    await daemon.dispose()
  }
})

async function download(path: string): Promise<Buffer> {
  const stream = await fetchRaw(path)
  return stream
}

async function fetchRaw(path: string): Promise<Buffer> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    request({ socketPath: daemon.socket, path }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
    })
      .on('error', reject)
      .end()
  })
}

const ballast = () => join(daemon.dataRoot, 'ballast')

/** Leaves not a block free. */
function fill(): void {
  const fd = openSync(ballast(), 'a')
  for (const size of [MIB, 64 << 10, 4 << 10, 512]) {
    const chunk = Buffer.alloc(size)
    try {
      while (writeSync(fd, chunk) === size);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }
  closeSync(fd)
  assert.equal(statfsSync(daemon.dataRoot).bavail, 0)
}

function free(): void {
  try {
    unlinkSync(ballast())
  } catch {
    // There is none.
  }
}

const post = (path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> =>
  call(daemon.socket, 'POST', path, body, headers)

/** The message of an answer, or the error at the end of a stream of progress. */
function said({ text }: Answer): string {
  const last = JSON.parse(text.trim().split('\n').at(-1) ?? '{}') as { message?: string; error?: string }
  return last.message ?? last.error ?? ''
}

async function make(name: string, command: string[], host: Record<string, unknown> = {}): Promise<string> {
  const HostConfig = { StopTimeout: 0, ...host }
  const { Id } = await containers.create({ Image: 'busybox', Cmd: command, HostConfig } as never, { name })
  daemon.seen.add(Id)
  return Id
}

async function run(command: string, host: Record<string, unknown> = {}): Promise<number> {
  const id = await make('', ['sh', '-c', command], host)
  await containers.start(id)
  const { StatusCode } = await (await containers.wait(id)).exit
  await containers.remove(id)
  return StatusCode
}

/** Without the read-only view of the image that volumes are filled from: it stays. */
const leftovers = (of: TestDaemon) => allLeftovers(of).filter(line => !/^mount .*\/rootfs\/1$/.test(line))

const tar = { 'Content-Type': 'application/x-tar' }
const big = archive(member({ name: 'big' }, Buffer.alloc(8 * MIB, 3)))

test('a full disk: clear refusals, nothing changes; with room again, everything works', async () => {
  const live = await make('live', ['sleep', '3600'], { Binds: ['data:/data'] })
  await make('stopped', ['true'])
  await containers.start(live)
  fill()
  const state = (await stateOf(daemon)).filter(line => !line.includes('ballast'))

  const wrong: string[] = []
  const refused = async (what: string, ask: () => Promise<Answer>) => {
    fillAgain()
    try {
      const answer = await ask()
      const words = answer.status >= 400 || /"error"/.test(answer.text) ? said(answer) : `status ${answer.status}`
      if (!FULL.test(words)) wrong.push(`${what}: ${answer.status} ${words.slice(0, 300)}`)
    } catch (error) {
      wrong.push(`${what}: ${String(error)}`)
    }
    const now = (await stateOf(daemon)).filter(line => !line.includes('ballast'))
    wrong.push(...now.filter(line => !state.includes(line)).map(line => `${what}: + ${line.slice(0, 250)}`))
    wrong.push(...state.filter(line => !now.includes(line)).map(line => `${what}: - ${line.slice(0, 250)}`))
  }
  await refused('create', () => post('/containers/create?name=more', { Image: 'busybox' }))
  await refused('load', () => post('/images/load', bigImage(), tar))
  await refused('import', () => post('/images/create?fromSrc=-&repo=more', big, tar))
  await refused('volume', () => post('/volumes/create', { Name: 'more' }))
  await refused('put', () => call(daemon.socket, 'PUT', '/containers/live/archive?path=/data', big, tar))
  await refused('put into a stopped one', () =>
    call(daemon.socket, 'PUT', '/containers/stopped/archive?path=/', big, tar),
  )
  assert.deepEqual(wrong, [])

  // Reading goes on.
  assert.equal((await containers.inspect('live')).State.Running, true)
  assert.equal((await fetchRaw('/containers/live/archive?path=/etc/passwd')).length > 0, true)
  for (const path of ['/info', '/system/df', '/containers/json?all=1&size=1', '/containers/live/logs?stdout=1']) {
    assert.equal((await call(daemon.socket, 'GET', path)).status, 200, path)
  }
  // What runs learns of it as on any full disk.
  const exec = await post('/containers/live/exec', { Cmd: ['dd', 'if=/dev/zero', 'of=/data/x', 'bs=1M', 'count=8'] })
  const { Id: execId } = JSON.parse(exec.text) as { Id: string }
  await post(`/exec/${execId}/start`, { Detach: true })
  const code = await until('dd ends', async () => {
    const { text } = await call(daemon.socket, 'GET', `/exec/${execId}/json`)
    return (JSON.parse(text) as { ExitCode: number | null }).ExitCode ?? undefined
  })
  assert.equal(code, 1)

  // Giving back must work on a full disk: it is the way out.
  await containers.kill('live')
  await containers.remove('live', { force: true, volumes: true })
  await containers.remove('stopped')
  await daemon.client.volumes.remove('data')
  assert.deepEqual(leftovers(daemon), [])

  free()
  assert.equal(
    await run('echo well > /x && dd if=/dev/zero of=/v/x bs=1M count=4 2>/dev/null', { Binds: ['fresh:/v'] }),
    0,
  )
  assert.equal((await post('/images/load', saved, tar)).status, 200)
  await daemon.client.volumes.remove('fresh')
})

function fillAgain(): void {
  if (statfsSync(daemon.dataRoot).bavail > 0) fill()
}

/** An image that is not there yet, of 8 MB. */
function bigImage(): Buffer {
  const config = {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] },
  }
  return archive(
    member({ name: 'config.json' }, JSON.stringify(config)),
    member({ name: 'layer.tar' }, big),
    member(
      { name: 'manifest.json' },
      JSON.stringify([{ Config: 'config.json', RepoTags: ['big:1'], Layers: ['layer.tar'] }]),
    ),
  )
}

test('start, exit, rename, stop and commit on a full disk: done or refused, and never half', async () => {
  await make('one', ['sleep', '3600'])
  await make('two', ['sleep', '3600'])
  await make('three', ['sh', '-c', 'sleep 0.2; exit 7'])
  for (const name of ['two', 'three']) await containers.start(name)
  // A daemon that ended, or was ended, comes back on a full disk.
  const before = (await containers.list({ all: true })).map(one => one.Id)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    // With room again, a daemon keeps some for the next time.
    await daemon.stop()
    await daemon.start()
    await daemon.stop(signal)
    fillAgain()
    await daemon.start()
    assert.deepEqual(
      (await containers.list({ all: true })).map(one => one.Id),
      before,
    )
    assert.equal((await containers.inspect('two')).State.Running, true)
    free()
  }
  await daemon.stop()
  await daemon.start()
  fill()
  for (const [path, done] of [
    ['/containers/one/start', 204],
    ['/containers/two/rename?name=four', 204],
    ['/commit?container=three&repo=more', 201],
    ['/containers/one/stop?t=0', 204],
    ['/containers/one/restart?t=0', 204],
  ] as const) {
    const answer = await post(path, path.startsWith('/commit') ? {} : undefined)
    if (answer.status !== done && answer.status !== 304) assert.match(said(answer), FULL, `${path}: ${answer.status}`)
  }
  const list = await containers.list({ all: true })
  // The room kept for it is used up too: it says so, and what runs runs on.
  await daemon.stop('SIGKILL')
  fillAgain()
  const refused = await daemon.start().then(
    () => '',
    (error: unknown) => String(error),
  )
  if (refused !== '') assert.match(refused, FULL)
  await daemon.stop()
  free()
  await daemon.start()
  const back = await containers.list({ all: true })
  assert.deepEqual(back.map(one => one.Id).toSorted(), list.map(one => one.Id).toSorted())
  // What could not be recorded on the full disk is recorded now.
  const three = await until('it has ended', async () => {
    const { State } = await containers.inspect('three')
    return State.Running ? undefined : State
  })
  assert.equal(three.ExitCode, 7)
  for (const one of back) await containers.remove(one.Id, { force: true })
  assert.equal(await run('exit 3'), 3)
  await until('nothing is left', () => (leftovers(daemon).length === 0 ? true : undefined)).catch(() => {})
  assert.deepEqual(leftovers(daemon), [])
})
