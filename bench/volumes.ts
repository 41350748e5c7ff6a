/**
 * Backup, restore, clone, incremental backup and migration of volumes, against the guide's way (a helper container with
 * `tar -czf`) on every engine that is installed, `podman volume export` and plain `tar | zstd`. Prints medians and
 * ratios. Not a test: nothing fails here.
 *
 *   node bench/volumes.ts [--rounds 3] [--guide-rounds 1] [--only berth,dockerd,podman] [--files 20000] [--megabytes 2048]
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Engine } from './peers/engine.ts'
import { busyboxArchive } from './peers/image.ts'
import { docker, startEngines } from './peers/start.ts'
import { markdown, median } from './statistics.ts'
import { bigFiles, changeOnePercent, smallFiles, type Tree } from './volumes/trees.ts'
import { farSide } from './volumes/far-side.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    'guide-rounds': { type: 'string', default: '1' },
    only: { type: 'string' },
    files: { type: 'string', default: '20000' },
    megabytes: { type: 'string', default: '2048' },
  },
})
const rounds = Number(values.rounds)
const CLI = new URL('../berth', import.meta.url).pathname
const work = mkdtempSync(join(tmpdir(), 'bench-volumes-'))

/** Seconds. */
function timed(file: string, args: string[], env: NodeJS.ProcessEnv = {}): number {
  const began = performance.now()
  const { status, stderr } = spawnSync(file, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
  return (performance.now() - began) / 1000
}

/** Of plain tools; what they wrote is on disk then, as with ours. */
const shell = (line: string) => timed('sh', ['-c', line])
const berth = (engine: Engine, ...args: string[]) => timed(CLI, args, { BERTH_HOST: `unix://${engine.socket}` })

function ask(engine: Engine, ...args: string[]): string {
  const { status, stdout, stderr } = docker(engine.socket, ...args)
  if (status !== 0) throw new Error(`${engine.name}: docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

const mountpoint = (engine: Engine, volume: string) => ask(engine, 'volume', 'inspect', '-f', '{{.Mountpoint}}', volume)

/** The guide's way, with its helper container. */
const guideBackup = (engine: Engine, volume: string, to: string) =>
  timed('docker', [
    ...['-H', `unix://${engine.socket}`, 'run', '--rm', '--network', 'none', '-v', `${volume}:/source:ro`],
    ...['-v', `${work}:/backup`, 'bench', 'tar', '-czf', `/backup/${to}`, '-C', '/source', '.'],
  ])
const guideRestore = (engine: Engine, volume: string, from: string) =>
  timed('docker', [
    ...['-H', `unix://${engine.socket}`, 'run', '--rm', '--network', 'none', '-v', `${volume}:/destination`],
    ...['-v', `${work}:/backup`, 'bench', 'sh', '-c', `tar -xzf /backup/${from} -C /destination`],
  ])

type Results = Map<string, Map<string, number[]>>
const results: Results = new Map()

function record(task: string, way: string, seconds: number): void {
  const ways = results.get(task) ?? new Map<string, number[]>()
  results.set(task, ways.set(way, [...(ways.get(way) ?? []), seconds]))
}

/** Everything is on disk before a measurement, so that none pays for another's writes. */
const settle = () => void spawnSync('sync')

function withBerth(
  engine: Engine,
  tree: Tree,
  far: { url: string; env: NodeJS.ProcessEnv; forget(volume: string): void },
) {
  const data = mountpoint(engine, 'bench')
  const out = (name: string) => join(work, name)
  for (let round = 0; round < rounds; round++) {
    settle()
    record('backup', 'berth', berth(engine, 'volume', 'backup', 'bench', '-o', out('berth.tar.zst'), '--quiet'))
    settle()
    record(
      'backup',
      'tar, zstd -1',
      shell(`tar -C ${data} -cf - . | zstd -1 -q -f -o ${out('plain.tar.zst')} && sync ${out('plain.tar.zst')}`),
    )
    settle()
    record(
      'backup',
      'tar, zstd -1 -T0',
      shell(`tar -C ${data} -cf - . | zstd -1 -T0 -q -f -o ${out('plain.tar.zst')} && sync ${out('plain.tar.zst')}`),
    )
    settle()
    record('backup, gzip', 'berth', berth(engine, 'volume', 'backup', 'bench', '-o', out('berth.tar.gz'), '--quiet'))
    settle()
    record('restore', 'berth', berth(engine, 'volume', 'restore', 'again', '-i', out('berth.tar.zst'), '--quiet'))
    ask(engine, 'volume', 'rm', 'again')
    mkdirSync(out('plain'))
    settle()
    record(
      'restore',
      'zstd, tar',
      shell(`zstd -dc ${out('plain.tar.zst')} | tar -C ${out('plain')} -xf - && sync -f ${out('plain')}`),
    )
    rmSync(out('plain'), { recursive: true })
    settle()
    record('clone', 'berth', berth(engine, 'volume', 'clone', 'bench', 'twin'))
    ask(engine, 'volume', 'rm', 'twin')
    settle()
    record('clone', 'cp -a', shell(`cp -a ${data} ${out('plain')} && sync -f ${out('plain')}`))
    rmSync(out('plain'), { recursive: true })
    changeOnePercent(data)
    settle()
    const base = ['--base', out('berth.tar.zst')]
    record(
      'incremental, 1 % changed',
      'berth',
      berth(engine, 'volume', 'backup', 'bench', '-o', out('inc.tar.zst'), ...base, '--quiet'),
    )
    settle()
    record(
      'migrate over ssh',
      'berth',
      timed(CLI, ['volume', 'migrate', 'bench', far.url], { ...far.env, BERTH_HOST: `unix://${engine.socket}` }),
    )
    far.forget('bench')
    for (const name of ['inc.tar.zst', 'berth.tar.gz']) rmSync(out(name))
  }
  console.log(
    `sizes of ${tree.name}: ${readdirSync(work)
      .map(name => `${name} ${(statSync(out(name)).size / 1e6).toFixed(0)} MB`)
      .join(', ')}`,
  )
}

function guideWay(engine: Engine): void {
  // A minute each, with two gigabytes.
  for (let round = 0; round < Number(values['guide-rounds']); round++) {
    settle()
    record('backup', `guide's way on ${engine.name}`, guideBackup(engine, 'bench', 'guide.tar.gz'))
    ask(engine, 'volume', 'create', 'again')
    settle()
    record('restore', `guide's way on ${engine.name}`, guideRestore(engine, 'again', 'guide.tar.gz'))
    ask(engine, 'volume', 'rm', 'again')
    if (engine.name !== 'podman') continue
    settle()
    const root = ['--root', join(engine.socket, '../data'), '--runroot', join(engine.socket, '../run')]
    record(
      'backup',
      'podman volume export',
      timed('podman', [...root, 'volume', 'export', 'bench', '-o', join(work, 'podman.tar')]),
    )
  }
}

const engines = await startEngines(values.only?.split(','))
let archive: string | undefined
try {
  archive = await busyboxArchive()
  for (const engine of engines) ask(engine, 'load', '-i', archive)
  for (const tree of [smallFiles(Number(values.files)), bigFiles(4, Number(values.megabytes) / 4)]) {
    results.clear()
    for (const engine of engines) {
      ask(engine, 'volume', 'create', 'bench')
      tree.fill(mountpoint(engine, 'bench'))
      if (engine.name === 'berth') {
        const far = await farSide()
        try {
          withBerth(engine, tree, far)
        } finally {
          await far.stop()
        }
      }
      guideWay(engine)
      ask(engine, 'volume', 'rm', 'bench')
      for (const name of readdirSync(work)) rmSync(join(work, name), { recursive: true })
    }
    print(tree)
  }
} finally {
  for (const engine of engines) await engine.stop()
  if (archive) rmSync(archive)
  rmSync(work, { recursive: true, force: true })
}

function print(tree: Tree): void {
  const table = [...results].flatMap(([task, ways]) => {
    const ours = median(ways.get('berth') ?? [])
    return [...ways].map(([way, seconds], i) => [
      i === 0 ? task : '',
      way,
      `${median(seconds).toFixed(2)} s`,
      way === 'berth' || Number.isNaN(ours) ? '' : `${(median(seconds) / ours).toFixed(1)}x`,
    ])
  })
  console.log(`\n${tree.name}, median of ${rounds}; the last column is how many times longer than berth\n`)
  console.log(markdown(['', 'way', 'time', 'vs berth'], table))
}
