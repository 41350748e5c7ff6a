/**
 * `npm run demo`: the shop of examples/shop on a daemon of its own, from nothing to nothing. Every command that it
 * runs is shown, so that a reader can run it too.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = new URL('..', import.meta.url).pathname
const RUN = '/run/berth-demo'
const DATA = '/var/lib/berth-demo'
const SOCKET = `${RUN}/berth.sock`
const PIDFILE = `${RUN}/daemon.pid`
const IMAGES = { web: 'nginx:1.27', api: 'node:22', database: 'postgres:16' }
/** What Debian calls the same programs, for machines that reach no registry. */
const PACKAGES = { web: 'nginx-light', api: 'nodejs,node-pg', database: 'postgresql' }

const env: NodeJS.ProcessEnv = { ...process.env, BERTH_HOST: `unix://${SOCKET}` }
const colour = process.stdout.isTTY && !process.env['NO_COLOR']
const say = (text: string) => console.log(colour ? `\n\x1b[1m${text}\x1b[0m` : `\n${text}`)

// A terminal sends ctrl-C to all of its processes, a supervisor to this one only: whoever runs is told, then all is
// taken down.
let running: ChildProcess | undefined
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!interrupted) console.error('\nInterrupted: taking everything down')
    interrupted = true
    running?.kill('SIGINT')
  })
}

async function berth(...args: string[]): Promise<void> {
  if (interrupted) throw new Error('interrupted')
  console.log(colour ? `\x1b[2m$ berth ${args.join(' ')}\x1b[0m` : `$ berth ${args.join(' ')}`)
  running = spawn(`${ROOT}berth`, args, { env, stdio: 'inherit', cwd: `${ROOT}examples/shop`, detached: true })
  const [status, signal] = (await once(running, 'exit')) as [number | null, string | null]
  running = undefined
  if (interrupted) throw new Error('interrupted')
  if (status !== 0) throw new Error(`berth ${args.join(' ')} ended with ${status ?? signal}`)
}

function quietly(...args: string[]): boolean {
  const options = { env, stdio: 'ignore', cwd: `${ROOT}examples/shop`, detached: true } as const
  return spawnSync(`${ROOT}berth`, args, options).status === 0
}

/** Ends the daemon of a demo that was killed; what it left is found again and removed by ours. */
async function endEarlier(): Promise<void> {
  const pid = existsSync(PIDFILE) ? Number(readFileSync(PIDFILE, 'utf8')) : 0
  const isOurs = () => pid > 0 && existsSync(`/proc/${pid}`) && commandLine(pid).includes(SOCKET)
  if (!isOurs()) return
  say(`An earlier demo was cut short: its daemon (process ${pid}) is ended`)
  process.kill(pid, 'SIGTERM')
  for (let i = 0; i < 200 && isOurs(); i++) await sleep(50)
  if (isOurs()) throw new Error(`process ${pid}, the daemon of an earlier demo, does not end: end it by hand`)
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** The wanted port, or any free one when that is taken. */
async function choosePort(): Promise<void> {
  const wanted = Number(process.env['SHOP_PORT'] ?? 8080)
  const free = (await tryPort(wanted)) ?? (await tryPort(0))!
  if (free !== wanted) say(`Port ${wanted} is taken: the shop opens at port ${free}`)
  env['SHOP_PORT'] = String(free)
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  } catch {
    return undefined
  } finally {
    server.close()
  }
}

async function startDaemon(): Promise<ChildProcess> {
  mkdirSync(RUN, { recursive: true })
  const log = openSync(`${RUN}/daemon.log`, 'w')
  const args = ['daemon', '-H', `unix://${SOCKET}`, '--data-root', DATA, '--exec-root', RUN, '--pidfile', PIDFILE]
  const daemon = spawn(`${ROOT}berth`, args, { stdio: ['ignore', log, log], env, detached: true })
  for (let i = 0; i < 200; i++) {
    if (daemon.exitCode !== null) break
    if (quietly('version')) return daemon
    await sleep(50)
  }
  daemon.kill()
  throw new Error(`the daemon did not start:\n${readFileSync(`${RUN}/daemon.log`, 'utf8')}`)
}

async function images(): Promise<void> {
  if (Object.values(IMAGES).every(image => quietly('image', 'inspect', image))) return
  if (quietly('pull', IMAGES.web)) {
    await berth('pull', IMAGES.api)
    await berth('pull', IMAGES.database)
    return
  }
  say('No registry can be reached: the images are made from the distribution’s own packages')
  for (const service of ['web', 'api', 'database'] as const) {
    const tag = `shop-${service}`
    env[`SHOP_${service.toUpperCase()}_IMAGE`] = tag
    await berth('image', 'bootstrap', 'debian:bookworm', '--tag', tag, '--include', PACKAGES[service])
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  if (interrupted) throw new Error('interrupted')
  const url = `http://127.0.0.1:${env['SHOP_PORT']}${path}`
  const response = await fetch(url, { method, body: body === undefined ? undefined : JSON.stringify(body) })
  const text = await response.text()
  console.log(
    `${method} ${url}${body === undefined ? '' : ` ${JSON.stringify(body)}`}\n  ${response.status} ${text.trim()}`,
  )
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}`)
  return JSON.parse(text)
}

async function shop(): Promise<void> {
  say('Bring the shop up and wait until it is healthy')
  await berth('compose', 'up', '-d', '--wait')
  say('What runs, and on which networks')
  await berth('compose', 'ps')
  await berth('network', 'ls')
  say('Add rows through nginx and the API, and read them back from PostgreSQL')
  await ask('POST', '/items', { name: 'tea' })
  await ask('POST', '/items', { name: 'biscuits' })
  const before = JSON.stringify(await ask('GET', '/items'))
  say('Destroy the database container and make it anew: the rows are in the volume')
  await berth('rm', '--force', 'shop-database-1')
  await berth('compose', 'up', '-d', '--wait')
  const after = JSON.stringify(await ask('GET', '/items'))
  if (after !== before) throw new Error(`the rows changed: ${before} became ${after}`)
  say('The rows are still there. Take everything down')
  await berth('compose', 'down', '--volumes')
}

async function stop(daemon: ChildProcess): Promise<void> {
  const ended = new Promise(resolve => daemon.once('exit', resolve))
  // What a cut short demo left has no other owner than this daemon.
  quietly('system', 'prune', '--all', '--force', '--volumes')
  daemon.kill('SIGTERM')
  await ended
  rmSync(RUN, { recursive: true, force: true })
  rmSync(DATA, { recursive: true, force: true })
}

await endEarlier()
const daemon = await startDaemon()
let failed = false
try {
  quietly('compose', 'down', '--volumes', '--timeout', '1')
  await choosePort()
  await images()
  await shop()
} catch (error) {
  failed = true
  if (!interrupted) console.error(`\n${(error as Error).message}`)
  if (!interrupted) await berth('compose', 'logs', '--tail', '20').catch(() => {})
  quietly('compose', 'down', '--volumes', '--timeout', '1')
} finally {
  await stop(daemon)
}
console.log(
  interrupted
    ? 'The demo was interrupted: nothing is left behind.'
    : failed
      ? 'The demo failed.'
      : '\nDone: nothing is left behind.',
)
process.exitCode = interrupted ? 130 : failed ? 1 : 0
