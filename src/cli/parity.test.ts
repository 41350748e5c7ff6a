import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { findCommand, findGroup } from './core/dispatch.ts'
import { root } from './root.ts'

/** Docker's commands that Berth has; each is checked flag by flag against the help of the real client. */
const COMMANDS = [
  ...'attach commit cp create diff events exec export history images import info inspect kill load login logout logs'.split(
    ' ',
  ),
  ...'pause port ps pull push rename restart rm rmi run save start stats stop tag top unpause update version wait'.split(
    ' ',
  ),
  ...'attach commit cp create diff exec export inspect kill logs ls pause port prune rename restart rm run start stats stop top unpause update wait'
    .split(' ')
    .map(name => `container ${name}`),
  ...'history import inspect load ls prune pull push rm save tag'.split(' ').map(name => `image ${name}`),
  ...'connect create disconnect inspect ls prune rm'.split(' ').map(name => `network ${name}`),
  ...'create inspect ls prune rm'.split(' ').map(name => `volume ${name}`),
  ...'df events info prune'.split(' ').map(name => `system ${name}`),
  'context ls',
  'context show',
]

/** Flags that Berth leaves out on purpose: Windows, Swarm, checkpoints and experiments. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  run: ['cpu-count', 'cpu-percent', 'io-maxbandwidth', 'io-maxiops', 'use-api-socket'],
  create: ['cpu-count', 'cpu-percent', 'io-maxbandwidth', 'io-maxiops', 'use-api-socket'],
  start: ['checkpoint', 'checkpoint-dir'],
  'image ls': ['tree'],
  images: ['tree'],
  'image inspect': ['platform'],
  'volume create': [
    'availability group limit-bytes required-bytes scope secret sharing topology-preferred topology-required type',
  ].flatMap(names => names.split(' ')),
  'volume ls': ['cluster'],
}

interface HelpFlag {
  name: string
  short: string | undefined
  takesValue: boolean
}

function dockerHelp(command: string): { flags: HelpFlag[]; usage: string } | undefined {
  const { status, stdout } = spawnSync('docker', [...command.split(' '), '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200', DOCKER_HOST: 'unix:///nonexistent' },
  })
  if (status !== 0) return undefined
  const flags: HelpFlag[] = []
  for (const line of stdout.slice(stdout.indexOf('Options:')).split('\n')) {
    const match = /^ {2}(?: {4}|-(\w), )--([\w-]+)(?: ([\w-]+))? {2,}/.exec(line)
    if (match && match[2] !== 'help')
      flags.push({ name: match[2]!, short: match[1], takesValue: match[3] !== undefined })
  }
  const usage = /Usage:\s+docker (.*)/.exec(stdout)?.[1] ?? ''
  return { flags: stdout.includes('Options:') ? flags : [], usage: usage.slice(command.length).trim() }
}

const haveDocker = spawnSync('docker', ['--version'], { encoding: 'utf8' }).stdout?.includes('Docker version') ?? false

test('every flag of the real client is here, with the same short form', { skip: !haveDocker }, async () => {
  const missing: string[] = []
  for (const path of COMMANDS) {
    const help = dockerHelp(path)
    if (!help) continue
    const [first, second] = path.split(' ') as [string, string?]
    const entry =
      second === undefined ? findCommand(root.commands, first) : findCommand(findGroup(root, first)!.commands, second)
    assert.ok(entry, `berth ${path} is missing`)
    const { command } = await entry.load()
    const own = second ?? first
    const leftOut = LEFT_OUT[path] ?? (first === 'container' ? LEFT_OUT[own] : undefined) ?? []
    for (const { name, short, takesValue } of help.flags) {
      if (leftOut.includes(name)) continue
      const spec = command.flags[name]
      if (!spec) missing.push(`${path} --${name}`)
      else {
        if (spec.short !== short) missing.push(`${path} --${name} has the short form ${short ?? 'none'}`)
        if ((spec.type !== 'bool') !== takesValue)
          missing.push(`${path} --${name} ${takesValue ? 'takes' : 'takes no'} value`)
      }
    }
  }
  assert.deepEqual(missing, [])
})

test('wrong command lines end as with the real client', { skip: !haveDocker }, async () => {
  const lines = [
    'nosuch',
    'ps --nosuch',
    'ps -z',
    'ps extra',
    'ps -n abc',
    'ps -f foo',
    'run',
    'run --nosuch',
    'run -p',
    'run -m xx img',
    'run --mount x img',
    'run --ulimit x img',
    'run --restart always --rm img',
    'run -px:80 img',
    'run --cpus x img',
    'run --pull xx img',
    'run --security-opt foo img',
    'run --health-cmd x --no-healthcheck img',
    'run -d -a stdin img',
    'run --env-file /nonexistent img',
    'run IMG',
    'exec a',
    'rename a',
    'container nosuch',
    'container',
    'network create',
    'cp a b',
    'cp a:b c:d',
    'tag A b',
    'pull A',
    'help nosuch',
    'events --since x',
    'run --dns x img',
    'run --add-host x img',
    'run --attach foo img',
    'run --sysctl x img',
    'run --device-cgroup-rule x img',
    'run --expose x img',
    'run --network name=a,foo=b img',
    'run --mac-address x img',
    'run --storage-opt x img',
  ]
  const env = { ...process.env, DOCKER_HOST: 'unix:///nonexistent', BERTH_HOST: 'unix:///nonexistent' }
  const main = new URL('main.ts', import.meta.url).pathname
  const wrong: string[] = []
  for (const line of lines) {
    const words = line.split(' ')
    const theirs = spawnSync('docker', words, { encoding: 'utf8', env })
    const ours = spawnSync(
      process.execPath,
      ['--no-concurrent-recompilation', '--disable-warning=ExperimentalWarning', '--', main, ...words],
      {
        encoding: 'utf8',
        env,
      },
    )
    // The first line says what is wrong; the program's name may differ.
    const first = (text: string) => text.split('\n')[0]!.replaceAll(/\b(docker|berth)\b/g, '')
    if (ours.status !== theirs.status || first(ours.stderr) !== first(theirs.stderr)) {
      wrong.push(
        `${line}\n  docker ${theirs.status}: ${first(theirs.stderr)}\n  berth  ${ours.status}: ${first(ours.stderr)}`,
      )
    }
  }
  assert.deepEqual(wrong, [])
})
