/** Volumes of a plugin, which may be slow, dead, wrong or gone: its own volumes suffer, and nobody else. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exitOf, inside, started } from '../support/containers.ts'
import { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'

const PROGRAM = new URL('../support/volume-plugin.ts', import.meta.url).pathname
let daemon: TestDaemon
let plugin: ChildProcess

const home = () => join(daemon.directory, 'plugin')
const socket = () => join(daemon.execRoot, 'plugins', 'shelf.sock')
const mood = (text: string) => writeFileSync(join(home(), 'mood'), text)
const log = () => readFileSync(join(home(), 'log'), 'utf8')
const count = (method: string, volume: string) =>
  log()
    .split('\n')
    .filter(line => line.startsWith(`VolumeDriver.${method} `) && line.includes(`"Name":"${volume}"`)).length
interface Kept {
  users: string[]
  options: Record<string, string>
}
const kept = () => JSON.parse(readFileSync(join(home(), 'state.json'), 'utf8')) as Record<string, Kept>

async function startPlugin() {
  mkdirSync(join(daemon.execRoot, 'plugins'), { recursive: true })
  mkdirSync(home(), { recursive: true })
  mood('')
  plugin = spawn(process.execPath, [PROGRAM, socket(), home()], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(plugin.stdout!, 'data')
}

async function stopPlugin() {
  if (plugin.exitCode !== null || plugin.signalCode !== null) return
  const ended = once(plugin, 'exit')
  plugin.kill('SIGKILL')
  await ended
}

before(async () => {
  daemon = new TestDaemon()
  await startPlugin()
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  await stopPlugin()
  await startPlugin()
  try {
    await daemon.dispose()
  } finally {
    await stopPlugin()
  }
})

const on = (...Binds: string[]) => ({ HostConfig: { Binds, VolumeDriver: 'shelf' } })
async function runs(name: string, script: string, request: object): Promise<number> {
  await started(daemon, name, ['sh', '-c', script], request)
  const code = await exitOf(daemon, name)
  await daemon.client.containers.remove(name)
  return code
}

test('created with options, mounted once while used, shown with scope and status, removed', async () => {
  const created = daemon.docker('volume', 'create', '-d', 'shelf', '-o', 'colour=red', '-o', 'any=thing', 'books')
  assert.equal(created.code, 0, created.stderr)
  assert.deepEqual(kept()['books']!.options, { colour: 'red', any: 'thing' })
  assert.equal(await runs('writer', 'echo kept > /books/f', on('books:/books')), 0)
  assert.equal(await runs('reader', 'grep kept /books/f', on('books:/books')), 0)
  // Copy-up looks into the volume when a container is created; the container has it while it runs.
  assert.equal(count('Mount', 'books'), count('Unmount', 'books'))
  assert.deepEqual(kept()['books']!.users, [])
  await started(daemon, 'one', undefined, on('books:/books'))
  await started(daemon, 'two', undefined, on('books:/books'))
  assert.equal(kept()['books']!.users.length, 1)
  const shown = await daemon.client.volumes.inspect('books')
  assert.equal(shown.Scope, 'global')
  assert.equal(shown.Driver, 'shelf')
  assert.equal(shown.Mountpoint, join(home(), 'mnt', 'books'))
  assert.deepEqual(shown.Status, { users: 1, options: { colour: 'red', any: 'thing' } })
  const [mount] = (await daemon.client.containers.inspect('one')).Mounts
  assert.deepEqual([mount!.Driver, mount!.Source], ['shelf', join(home(), 'mnt', 'books')])
  await daemon.client.containers.remove('one', { force: true })
  assert.equal(kept()['books']!.users.length, 1)
  await daemon.client.containers.remove('two', { force: true })
  assert.deepEqual(kept()['books']!.users, [])
  assert.equal(daemon.docker('volume', 'rm', 'books').code, 0)
  assert.equal(kept()['books'], undefined)
})

test('by --volume-driver, --mount and its options; a missing plugin and a refusal in Docker’s words', async () => {
  const run = daemon.docker(
    ...['run', '--rm', '--mount', 'type=volume,src=m1,dst=/m,volume-driver=shelf,volume-opt=a=b', 'busybox'],
    ...['sh', '-c', 'echo hi > /m/f'],
  )
  assert.equal(run.code, 0, run.stderr)
  assert.deepEqual(kept()['m1']!.options, { a: 'b' })
  const again = daemon.berth('run', '--rm', '--volume-driver', 'shelf', '-v', 'm1:/m', 'busybox', 'cat', '/m/f')
  assert.equal(again.stdout, 'hi\n', again.stderr)
  const missing = daemon.docker('volume', 'create', '-d', 'foo', 'x1')
  assert.match(missing.stderr, /create x1: error looking up volume plugin foo: plugin "foo" not found/)
  const refused = daemon.docker('volume', 'create', '-d', 'shelf', '-o', 'fail=shelf is full', 'x1')
  assert.match(refused.stderr, /create x1: VolumeDriver\.Create: shelf is full/)
  assert.match(daemon.docker('volume', 'inspect', 'x1').stderr, /no such volume/)
  assert.equal(daemon.docker('volume', 'rm', 'm1').code, 0)
})

test('what only the plugin knows is listed, shown, adopted by a run, and removed', async () => {
  const made = (Name: string) => fetchPlugin('VolumeDriver.Create', { Name, Opts: { made: 'elsewhere' } })
  await made('theirs')
  await made('spare')
  const list = daemon.docker('volume', 'ls', '--format', '{{.Driver}} {{.Name}}').stdout
  assert.match(list, /^shelf theirs$/m)
  assert.equal(daemon.docker('volume', 'ls', '-q', '--filter', 'driver=local').stdout, '')
  assert.deepEqual((await daemon.client.volumes.inspect('theirs')).Status, { users: 0, options: { made: 'elsewhere' } })
  assert.equal(await runs('adopter', 'echo mine > /t/f', on('theirs:/t')), 0)
  assert.equal(count('Create', 'theirs'), 1, 'adopted, not made again')
  assert.equal(daemon.docker('volume', 'rm', 'theirs', 'spare').code, 0)
  assert.deepEqual([kept()['theirs'], kept()['spare']], [undefined, undefined])
})

test('Compose: driver and driver_opts', () => {
  const file = join(daemon.directory, 'compose.yaml')
  writeFileSync(
    file,
    `services:
  one:
    image: busybox
    command: sh -c 'echo composed > /v/f'
    volumes: ['shelved:/v']
volumes:
  shelved:
    driver: shelf
    driver_opts: { colour: blue }
`,
  )
  const compose = (...args: string[]) => daemon.berth('compose', '-f', file, '-p', 'plugged', ...args)
  for (const args of [['up'], ['up', '-d'], ['down']]) assert.equal(compose(...args).code, 0)
  assert.deepEqual(kept()['plugged_shelved']!.options, { colour: 'blue' })
  assert.equal(readFileSync(join(home(), 'data', 'plugged_shelved', 'f'), 'utf8'), 'composed\n')
  assert.equal(compose('down', '-v').code, 0)
  assert.equal(kept()['plugged_shelved'], undefined)
})

test('answers that make no sense are errors that name plugin and volume; nothing stays mounted', async () => {
  await daemon.client.volumes.create({ Name: 'odd', Driver: 'shelf' })
  const fails = async (text: RegExp) => {
    const error = await started(daemon, 'odd-user', undefined, on('odd:/o:nocopy')).then(
      () => assert.fail('it started'),
      (error: unknown) => String(error),
    )
    assert.match(error, text)
    await daemon.client.containers.remove('odd-user', { force: true })
  }
  for (const [how, text] of [
    ['Mount refuse', /error while mounting volume 'odd': VolumeDriver\.Mount: not today/],
    ['Mount garbage', /plugin "shelf" answers VolumeDriver\.Mount with something that is no JSON object/],
    ['Mount wrong-types', /plugin "shelf" answers VolumeDriver\.Mount wrongly: Mountpoint is no text/],
    ['Mount relative', /mountpoint "srv\/data" is not absolute/],
    ['Mount dotdot', /has ".." in it/],
    ['Mount absent', /volume odd of plugin "shelf" is at \/nowhere\/at\/all, where nothing is/],
  ] as const) {
    mood(how)
    await fails(text)
    assert.deepEqual(kept()['odd']!.users, [], how)
  }
  mood('Mount crash')
  await fails(/plugin "shelf" does not answer VolumeDriver\.Mount/)
  assert.equal(kept()['odd']!.users.length, 1, 'it died with the volume mounted')
  await startPlugin()
  assert.equal(await runs('odd-user', 'true', on('odd:/o')), 0)
  assert.deepEqual(kept()['odd']!.users, [], 'what it had mounted when it died is given back')
  await daemon.client.volumes.remove('odd')
})

test('a silent plugin holds nobody else up, and is in no list’s way for long', async () => {
  await daemon.client.volumes.create({ Name: 'slow', Driver: 'shelf' })
  await started(daemon, 'user', undefined, on('slow:/s'))
  mood('silent')
  const began = performance.now()
  const stuck = daemon.client.volumes.create({ Name: 'stuck', Driver: 'shelf' }).then(
    () => 'made',
    (error: unknown) => String(error),
  )
  await started(daemon, 'other')
  const list = daemon.berth('volume', 'ls')
  assert.match(list.stdout, /shelf +slow/)
  assert.match(list.stderr, /volumes of plugin "shelf" are shown as they were last known/)
  assert.equal((await daemon.client.volumes.inspect('slow')).Status, undefined)
  assert.equal((await daemon.client.containers.list()).length, 2)
  await daemon.client.containers.inspect('user')
  assert.equal((await inside(daemon, 'user', 'touch', '/s/f')).code, 0)
  assert.ok(performance.now() - began < 15_000, 'nobody waited for the plugin')
  await stopPlugin()
  assert.match(await stuck, /plugin "shelf" does not answer/)
  await daemon.client.containers.remove('other', { force: true })
})

test('killed plugin, killed daemon: what lives keeps its mount, what ended meanwhile gives it back once', async () => {
  await startPlugin()
  await daemon.client.volumes.create({ Name: 'ended', Driver: 'shelf' })
  await started(daemon, 'ender', undefined, on('ended:/e'))
  const { State } = await daemon.client.containers.inspect('ender')
  const [mounts, unmounts] = [count('Mount', 'slow'), count('Unmount', 'ended')]
  await daemon.stop('SIGKILL')
  process.kill(State.Pid, 'SIGKILL')
  await daemon.start()
  assert.equal((await inside(daemon, 'user', 'test', '-e', '/s/f')).code, 0)
  assert.equal(count('Mount', 'slow'), mounts)
  await until('unmounted', async () => (kept()['ended']!.users.length === 0 ? true : undefined))
  assert.equal(count('Unmount', 'ended'), unmounts + 1)
  await daemon.client.containers.remove('ender', { force: true })
  // The plugin is gone: the container goes all the same, and so does the record, by force.
  await stopPlugin()
  await daemon.client.containers.remove('user', { force: true })
  assert.match(daemon.docker('volume', 'rm', 'slow').stderr, /plugin "shelf" does not answer/)
  rmSync(socket(), { force: true })
  assert.equal(daemon.docker('volume', 'rm', '-f', 'slow').code, 0)
  assert.equal(daemon.docker('volume', 'ls', '-q', '--filter', 'name=slow').stdout, '')
  await startPlugin()
  await fetchPlugin('VolumeDriver.Unmount', { Name: 'slow', ID: kept()['slow']!.users[0] })
  assert.ok(existsSync(join(home(), 'data', 'slow', 'f')), 'the plugin’s data is the plugin’s')
})

async function fetchPlugin(method: string, body: object): Promise<void> {
  const http = await import('node:http')
  const request = http.request({ socketPath: socket(), path: `/${method}`, method: 'POST' })
  request.end(JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  response.resume()
  await once(response, 'end')
  assert.equal(response.statusCode, 200)
}
