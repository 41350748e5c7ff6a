import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended, type Engine } from './engine.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const installed = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

interface Recipe {
  name: string
  here: boolean
  command: (dir: string, socket: string) => { file: string; args: string[]; env?: NodeJS.ProcessEnv }
}

const RECIPES: Recipe[] = [
  {
    name: 'berth',
    here: true,
    command: (dir, socket) => ({
      file: join(ROOT, 'berth'),
      args: ['daemon', '-H', `unix://${socket}`, '--data-root', join(dir, 'data'), '--exec-root', join(dir, 'run')],
    }),
  },
  {
    name: 'dockerd',
    here: installed('dockerd'),
    command: (dir, socket) => ({
      file: 'dockerd',
      args: [
        ...['-H', `unix://${socket}`, '--data-root', join(dir, 'data'), '--exec-root', join(dir, 'run')],
        ...['--pidfile', join(dir, 'pid')],
      ],
    }),
  },
  {
    name: 'podman',
    here: installed('podman'),
    command: (dir, socket) => ({
      file: 'podman',
      args: [
        ...['--root', join(dir, 'data'), '--runroot', join(dir, 'run'), '--cgroup-manager', 'cgroupfs'],
        ...(hybridCgroups() ? ['--runtime', 'runc'] : []),
        ...['system', 'service', '--time', '0', `unix://${socket}`],
      ],
      env: { CONTAINERS_CONF: containersConf(dir) },
    }),
  },
]

/** Podman's default runtime, crun, refuses hosts where the v2 tree carries a controller beside v1. */
function hybridCgroups(): boolean {
  const path = '/sys/fs/cgroup/unified/cgroup.controllers'
  return existsSync(path) && readFileSync(path, 'utf8').trim() !== ''
}

/** Bridges and iptables' tables, which the peers leave behind. */
function networkObjects(): string[][] {
  const text = (...args: string[]) => spawnSync(args[0]!, args.slice(1), { encoding: 'utf8' }).stdout ?? ''
  const links = [...text('ip', '-o', 'link').matchAll(/^\d+: (docker0|podman\d+|cni-podman\d+):/gm)]
  const tables = [...text('nft', 'list', 'tables').matchAll(/^table (ip6?) (nat|filter|mangle|raw)$/gm)]
  return [
    ...links.map(match => ['ip', 'link', 'delete', match[1]!]),
    ...tables.map(match => ['nft', 'delete', 'table', match[1]!, match[2]!]),
  ]
}

/** Podman asks for more open files and processes than a machine may allow; the benchmark needs few. */
function containersConf(dir: string): string {
  const path = join(dir, 'containers.conf')
  writeFileSync(path, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
  return path
}

/**
 * Starts every engine that is installed, each on roots of its own. What is missing is said on stderr.
 *
 * @param netns path of a network namespace that is their machine; the host's own if absent
 */
export async function startEngines(only?: string[], netns?: string): Promise<Engine[]> {
  const before = new Set(networkObjects().map(String))
  const engines: Engine[] = []
  for (const recipe of RECIPES) {
    if (only && !only.includes(recipe.name)) continue
    if (!recipe.here) {
      console.error(`${recipe.name} is not installed: left out`)
      continue
    }
    engines.push(await start(recipe, before, netns))
  }
  return engines
}

/** @param before network objects that were there before the first engine: they stay */
async function start(recipe: Recipe, before: ReadonlySet<string>, netns?: string): Promise<Engine> {
  const dir = mkdtempSync(join(tmpdir(), `bench-${recipe.name}-`))
  mkdirSync(join(dir, 'run'))
  const socket = join(dir, 'engine.sock')
  const { file, args, env } = recipe.command(dir, socket)
  const command = [...(netns ? ['nsenter', `--net=${netns}`] : []), file, ...args]
  const log = openSync(join(dir, 'log'), 'w')
  const child: ChildProcess = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  })
  let version = ''
  for (let i = 0; i < 600 && version === ''; i++) {
    if (child.exitCode !== null) throw new Error(`${recipe.name} ended:\n${readFileSync(join(dir, 'log'), 'utf8')}`)
    const asked = docker(socket, 'version', '--format', '{{.Server.Version}}')
    if (asked.status === 0) version = asked.stdout.trim()
    else await sleep(50)
  }
  return {
    name: recipe.name,
    version,
    socket,
    pid: child.pid!,
    async stop() {
      const ids = docker(socket, 'ps', '-aq').stdout.split('\n').filter(Boolean)
      if (ids.length > 0) docker(socket, 'rm', '-f', ...ids)
      await ended(child)
      spawnSync('sh', ['-c', `grep -o ' ${dir}[^ ]*' /proc/self/mountinfo | sort -r | xargs -r umount -l`])
      rmSync(dir, { recursive: true, force: true })
      if (recipe.name === 'berth' || netns) return
      for (const [program, ...args] of networkObjects()) {
        if (!before.has(String([program, ...args]))) spawnSync(program!, args)
      }
    },
  }
}

export function docker(socket: string, ...args: string[]) {
  return spawnSync('docker', ['-H', `unix://${socket}`, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 })
}
