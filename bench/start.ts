/**
 * How long a container takes from the command to its end, through the same `docker` client, on every engine that is
 * installed. Prints medians (p95), and how many times faster the first engine is. Not a test: nothing fails here.
 *
 *   node bench/start.ts [--rounds 20] [--only berth,podman] [--crowd 300]
 */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Engine } from './peers/engine.ts'
import { docker, startEngines } from './peers/start.ts'
import { busyboxArchive } from './peers/image.ts'
import { markdown, median, quantile } from './statistics.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    only: { type: 'string' },
    crowd: { type: 'string', default: '300' },
  },
})
const rounds = Number(values.rounds)
const crowd = Number(values.crowd)

function timed(engine: Engine, ...args: string[]): number {
  const began = performance.now()
  const { status, stderr } = docker(engine.socket, ...args)
  if (status !== 0) throw new Error(`${engine.name}: docker ${args.join(' ')}: ${stderr}`)
  return performance.now() - began
}

/** All at once, each a client process of its own. @returns milliseconds until the last has ended */
async function burst(engine: Engine, count: number): Promise<number> {
  const began = performance.now()
  const ends = Array.from({ length: count }, () => {
    const child = spawn('docker', ['-H', `unix://${engine.socket}`, 'run', '--rm', 'bench', 'true'], {
      stdio: 'ignore',
    })
    return new Promise<number | null>(resolve => child.once('exit', resolve))
  })
  const codes = await Promise.all(ends)
  const failed = codes.filter(code => code !== 0).length
  if (failed > 0) console.error(`${engine.name}: ${failed} of ${count} starts at once failed`)
  return performance.now() - began
}

const residentMb = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

const CASES: [string, (engine: Engine) => number][] = [
  ['run --rm, bridge network', engine => timed(engine, 'run', '--rm', 'bench', 'true')],
  ['run --rm, no network', engine => timed(engine, 'run', '--rm', '--network', 'none', 'bench', 'true')],
  ['exec in a running container', engine => timed(engine, 'exec', 'bench-exec', 'true')],
]

const engines = await startEngines(values.only?.split(','))
const results = new Map<string, Map<string, number[]>>()
const record = (row: string, engine: Engine, ms: number) => {
  const row_ = results.get(row) ?? new Map<string, number[]>()
  row_.set(engine.name, [...(row_.get(engine.name) ?? []), ms])
  results.set(row, row_)
}
let archive: string | undefined
try {
  archive = await busyboxArchive()
  for (const engine of engines) {
    docker(engine.socket, 'load', '-i', archive)
    timed(engine, 'run', '-d', '--name', 'bench-exec', 'bench', 'sleep', '86400')
    for (const [, run] of CASES) run(engine)
  }
  const fresh = engines.find(engine => engine.name === 'berth')
  if (fresh && crowd >= 100) {
    const ids = Array.from({ length: 100 }, () =>
      docker(fresh.socket, 'run', '-d', 'bench', 'sleep', '86400').stdout.trim(),
    )
    console.log(`\nfresh daemon with 100 containers: ${residentMb(fresh.pid).toFixed(0)} MB resident`)
    docker(fresh.socket, 'rm', '-f', ...ids)
  }
  // Engines take turns, so that whatever else the machine does falls on all of them.
  for (let i = 0; i < rounds; i++) {
    for (const engine of engines) for (const [name, run] of CASES) record(name, engine, run(engine))
  }
  for (let i = 0; i < 3; i++) for (const engine of engines) record('50 starts at once', engine, await burst(engine, 50))
  const berth = engines.find(engine => engine.name === 'berth')
  if (berth && crowd > 0) {
    for (let i = 0; i < crowd; i++) {
      timed(berth, 'run', '-d', 'bench', 'sleep', '86400')
      if (i + 1 === 100)
        console.log(
          `\ndaemon with 100 containers, after 150 starts at once: ${residentMb(berth.pid).toFixed(0)} MB resident`,
        )
    }
    for (let i = 0; i < rounds; i++)
      record(`run --rm, ${crowd} others running`, berth, timed(berth, 'run', '--rm', 'bench', 'true'))
    console.log(`daemon with ${crowd} containers: ${residentMb(berth.pid).toFixed(0)} MB resident`)
  }
} finally {
  for (const engine of engines) await engine.stop()
  if (archive) rmSync(archive)
}

const cell = (ms: number[] | undefined) => (ms ? `${median(ms).toFixed(0)} ms (${quantile(ms, 0.95).toFixed(0)})` : '')
const first = engines[0]!.name
const rows = [...results].map(([name, byEngine]) => [
  name,
  ...engines.map(engine => cell(byEngine.get(engine.name))),
  ...engines.slice(1).map(engine => {
    const theirs = byEngine.get(engine.name)
    return theirs ? `${(median(theirs) / median(byEngine.get(first)!)).toFixed(1)}x` : ''
  }),
])
const names = engines.map(engine => `${engine.name} ${engine.version}`)
console.log(`\nmedian (p95) of ${rounds} rounds\n`)
console.log(markdown(['', ...names, ...engines.slice(1).map(engine => `vs ${engine.name}`)], rows))
