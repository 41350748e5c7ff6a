/**
 * `npm run demo`: the shop of examples/shop on a daemon of its own, from nothing to nothing. Every command that it
 * runs is shown, so that a reader can run it too.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = new URL('..', import.meta.url).pathname
const RUN = '/run/berth-demo'
const DATA = '/var/lib/berth-demo'
const SOCKET = `${RUN}/berth.sock`
const PORT = process.env['SHOP_PORT'] ?? '8080'
const IMAGES = { web: 'nginx:1.27', api: 'node:22', database: 'postgres:16' }
/** What Debian calls the same programs, for machines that reach no registry. */
const PACKAGES = { web: 'nginx-light', api: 'nodejs,node-pg', database: 'postgresql' }

const env: NodeJS.ProcessEnv = { ...process.env, BERTH_HOST: `unix://${SOCKET}`, SHOP_PORT: PORT }
const colour = process.stdout.isTTY && !process.env['NO_COLOR']
const say = (text: string) => console.log(colour ? `\n\x1b[1m${text}\x1b[0m` : `\n${text}`)

function berth(...args: string[]): void {
  console.log(colour ? `\x1b[2m$ berth ${args.join(' ')}\x1b[0m` : `$ berth ${args.join(' ')}`)
  const { status } = spawnSync(`${ROOT}berth`, args, { env, stdio: 'inherit', cwd: `${ROOT}examples/shop` })
  if (status !== 0) throw new Error(`berth ${args.join(' ')} ended with ${status}`)
}

function quietly(...args: string[]): boolean {
  return spawnSync(`${ROOT}berth`, args, { env, stdio: 'ignore', cwd: `${ROOT}examples/shop` }).status === 0
}

async function startDaemon(): Promise<ChildProcess> {
  mkdirSync(RUN, { recursive: true })
  const log = openSync(`${RUN}/daemon.log`, 'w')
  const args = ['daemon', '-H', `unix://${SOCKET}`, '--data-root', DATA, '--exec-root', RUN]
  const daemon = spawn(`${ROOT}berth`, args, { stdio: ['ignore', log, log], env })
  for (let i = 0; i < 200; i++) {
    if (daemon.exitCode !== null) break
    if (quietly('version')) return daemon
    await sleep(50)
  }
  daemon.kill()
  throw new Error(`the daemon did not start:\n${readFileSync(`${RUN}/daemon.log`, 'utf8')}`)
}

function images(): void {
  if (Object.values(IMAGES).every(image => quietly('image', 'inspect', image))) return
  if (quietly('pull', IMAGES.web)) {
    berth('pull', IMAGES.api)
    berth('pull', IMAGES.database)
    return
  }
  say('No registry can be reached: the images are made from the distribution’s own packages')
  for (const service of ['web', 'api', 'database'] as const) {
    const tag = `shop-${service}`
    env[`SHOP_${service.toUpperCase()}_IMAGE`] = tag
    berth('image', 'bootstrap', 'debian:bookworm', '--tag', tag, '--include', PACKAGES[service])
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const url = `http://127.0.0.1:${PORT}${path}`
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
  berth('compose', 'up', '-d', '--wait')
  say('What runs, and on which networks')
  berth('compose', 'ps')
  berth('network', 'ls')
  say('Add rows through nginx and the API, and read them back from PostgreSQL')
  await ask('POST', '/items', { name: 'tea' })
  await ask('POST', '/items', { name: 'biscuits' })
  const before = JSON.stringify(await ask('GET', '/items'))
  say('Destroy the database container and make it anew: the rows are in the volume')
  berth('rm', '--force', 'shop-database-1')
  berth('compose', 'up', '-d', '--wait')
  const after = JSON.stringify(await ask('GET', '/items'))
  if (after !== before) throw new Error(`the rows changed: ${before} became ${after}`)
  say('The rows are still there. Take everything down')
  berth('compose', 'down', '--volumes')
}

async function stop(daemon: ChildProcess): Promise<void> {
  const ended = new Promise(resolve => daemon.once('exit', resolve))
  quietly('system', 'prune', '--all', '--force', '--volumes')
  daemon.kill('SIGTERM')
  await ended
  rmSync(RUN, { recursive: true, force: true })
  rmSync(DATA, { recursive: true, force: true })
}

const daemon = await startDaemon()
let failed = false
try {
  images()
  await shop()
} catch (error) {
  failed = true
  console.error(`\n${(error as Error).message}`)
  spawnSync(`${ROOT}berth`, ['compose', 'logs', '--tail', '20'], { env, stdio: 'inherit', cwd: `${ROOT}examples/shop` })
  quietly('compose', 'down', '--volumes', '--timeout', '1')
} finally {
  await stop(daemon)
}
console.log(failed ? 'the demo failed' : '\nDone: nothing is left behind.')
process.exitCode = failed ? 1 : 0
