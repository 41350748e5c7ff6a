/**
 * Volumes on their way to another host while the wire is cut, connections are killed, and the command line or either daemon
 * is killed, at random moments. At any time a volume is whole on one side at least, never to be seen in halves, and the
 * same command run again brings it over.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isKind } from '#lib/errors.ts'
import type { TestDaemon } from '../support/daemon.ts'
import { until } from '../support/tools.ts'
import { fill, output, TwoHosts } from '../support/two-hosts.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 48)
const MIB = 1 << 20

/** What happens to a migration, and whether it may fail by it. */
const FAULTS = ['wire', 'long cut', 'connections', 'command', 'daemon here', 'daemon there', 'all of it'] as const
type Fault = (typeof FAULTS)[number]

test(`${ROUNDS} migrations, each disturbed`, async t => {
  const hosts = await TwoHosts.start()
  try {
    await fill(hosts.here, 'base', 16 * MIB)
    const whole = await hosts.here.client.backups.digest('base')
    const figures = new Map<string, { rounds: number; succeeded: number; seconds: number }>()
    for (let round = 0; round < ROUNDS; round++) {
      const fault = FAULTS[round % FAULTS.length]!
      const name = `v${round}`
      for await (const line of await hosts.here.client.volumes.clone('base', { Name: name })) {
        if (line.error) throw new Error(line.error)
      }
      const remove = round % 2 === 0 ? ['--remove'] : []
      const began = performance.now()
      const child = hosts.launch(['volume', 'migrate', name, hosts.url, '--no-compress', ...remove])
      const ended = output(child)
      const moment = 500 + Math.random() * 5000
      await Promise.race([sleep(moment), ended])
      await disturb(hosts, fault, () => child.kill('SIGKILL'))
      let { code, stderr } = await ended
      const first = code
      const what = `round ${round}, ${fault} after ${Math.round(moment)} ms, exit code ${code}: ${stderr}`
      if (first !== 0) t.diagnostic(what.trim())
      await check(hosts, name, whole, what)
      // A killed command cannot end its session: another attempt is refused for as long as it is open.
      for (let again = 0; code !== 0 && again < 3; again++) {
        ;({ code, stderr } = await hosts.berth(['volume', 'migrate', name, hosts.url, '--no-compress', ...remove]))
        await check(hosts, name, whole, `${what}; again: ${stderr}`)
      }
      assert.equal(code, 0, `${what}; again: ${stderr}`)
      assert.equal(await digestOf(hosts.there, name), whole, what)
      assert.equal((await digestOf(hosts.here, name)) === undefined, remove.length > 0, what)
      const figure = figures.get(fault) ?? { rounds: 0, succeeded: 0, seconds: 0 }
      figure.rounds++
      if (first === 0) figure.succeeded++
      figure.seconds += (performance.now() - began) / 1000
      figures.set(fault, figure)
      await hosts.there.client.volumes.remove(name)
      if (remove.length === 0) await hosts.here.client.volumes.remove(name)
    }
    for (const [fault, { rounds, succeeded, seconds }] of figures) {
      t.diagnostic(
        `${fault}: ${rounds} rounds, ${succeeded} at the first attempt, ${(seconds / rounds).toFixed(1)} s each`,
      )
    }
    // What broke off is given back by the next start at the latest.
    await hosts.there.stop()
    await hosts.there.start()
    await until('the far side is empty', () => (used(hosts.there) < 4 * MIB ? true : undefined), 30_000)
    t.diagnostic(`left on the far side: ${Math.round(used(hosts.there) / 1024)} KiB`)
  } finally {
    hosts.wire(true)
    await hosts.dispose()
  }
})

async function disturb(hosts: TwoHosts, fault: Fault, killCommand: () => void): Promise<void> {
  const cut = async (ms: number) => {
    hosts.wire(false)
    await sleep(ms)
    hosts.wire(true)
  }
  const kill = async (daemon: TestDaemon) => {
    await daemon.stop('SIGKILL')
    await sleep(Math.random() * 1500)
    await daemon.start()
  }
  if (fault === 'wire') for (let i = 0; i < 3; i++) await cut(Math.random() * 800).then(() => sleep(400))
  else if (fault === 'long cut') await cut(12_000)
  else if (fault === 'connections') hosts.server.cut()
  else if (fault === 'command') killCommand()
  else if (fault === 'daemon here') await kill(hosts.here)
  else if (fault === 'daemon there') await kill(hosts.there)
  else {
    await cut(500)
    await kill(hosts.there)
    hosts.server.cut()
    await kill(hosts.here)
  }
}

/** undefined when there is none of the name. */
async function digestOf(daemon: TestDaemon, name: string): Promise<string | undefined> {
  try {
    return await daemon.client.backups.digest(name)
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined
    throw error
  }
}

async function check(hosts: TwoHosts, name: string, whole: string, what: string): Promise<void> {
  const [here, there] = await Promise.all([digestOf(hosts.here, name), digestOf(hosts.there, name)])
  assert.ok(here === whole || there === whole, `lost: ${what}`)
  assert.ok(here === undefined || here === whole, `damaged here: ${what}`)
  assert.ok(there === undefined || there === whole, `in halves there: ${what}`)
}

function used({ dataRoot }: TestDaemon): number {
  // The database's own files and what the far side keeps ready do not count.
  const { stdout } = spawnSync('du', ['-sB1', '--exclude=berth.db*', dataRoot], { encoding: 'utf8' })
  return Number(stdout.split('\t')[0])
}
