import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestDaemon } from '../test/support/daemon.ts'

/**
 * `system df` on many volumes of many files: `node bench/space.ts [VOLUMES] [FILES]`. Each tenth volume is in use by a
 * container that writes to it.
 */
const [VOLUMES = 200, FILES = 10_000] = process.argv.slice(2).map(Number)
const daemon = new TestDaemon()
const { containers, system, volumes } = daemon.client
const rows: [string, string][] = []
const say = (what: string, value: string) => {
  rows.push([what, value])
  process.stdout.write(`${what.padEnd(50)} ${value}\n`)
}

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const began = performance.now()
  const result = await work()
  say(what, `${Math.round(performance.now() - began)} ms`)
  return result
}

function fill(name: string): void {
  const data = join(daemon.dataRoot, 'volumes', name, '_data')
  for (let d = 0; d < FILES / 100; d++) {
    mkdirSync(join(data, `d${d}`))
    for (let i = 0; i < 100; i++) writeFileSync(join(data, `d${d}`, `f${i}`), i % 10 === 0 ? 'some text' : '')
  }
}

const total = (sizes: (number | undefined)[]) => sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
const memory = () => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1] ?? '0'

await daemon.start()
try {
  await daemon.loadBusybox()
  const names = Array.from({ length: VOLUMES }, (_, i) => `v${i}`)
  for (const name of names) {
    await volumes.create({ Name: name })
    fill(name)
  }
  await timed('df, nothing measured yet', () => system.diskUsage())
  await timed('df, kept', () => system.diskUsage())
  for (const name of names.filter((_, i) => i % 10 === 0)) {
    const { Id } = await containers.create({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'while true; do date > /v/now; sleep 0.1; done'],
      HostConfig: { NetworkMode: 'none', StopTimeout: 0, Binds: [`${name}:/v`] },
    } as never)
    await containers.start(Id)
  }
  for (let i = 0; i < 3; i++) {
    const { Volumes: list = [] } = await timed('df, each tenth in use', () => system.diskUsage())
    const stale = list.filter(one => one.Measured?.Stale).length
    const told = total(list.map(one => one.UsageData?.Size))
    const real = total(
      names.map(name =>
        Number(
          execFileSync('du', ['-sB1', join(daemon.dataRoot, 'volumes', name, '_data')], { encoding: 'utf8' }).split(
            '\t',
          )[0],
        ),
      ),
    )
    say('  of du, and figures from before', `${((told / real) * 100).toFixed(2)} %, ${stale}`)
  }
  for (const tool of ['docker', 'berth'] as const) {
    await timed(`${tool} system df`, () => daemon[tool]('system', 'df'))
    await timed(`${tool} system df -v`, () => daemon[tool]('system', 'df', '-v'))
  }
  await timed('du of the volumes', () => execFileSync('du', ['-sB1', join(daemon.dataRoot, 'volumes')]))
  await daemon.stop('SIGKILL')
  await timed('restart after kill -9', () => daemon.start())
  await timed('df after it', () => system.diskUsage())
  await sleep(10_000)
  say('memory of the daemon at rest', `${memory()} kB`)
} finally {
  await daemon.dispose()
}
