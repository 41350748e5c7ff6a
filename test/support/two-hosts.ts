import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { TestDaemon, type Output } from './daemon.ts'
import { Machines } from './machines.ts'
import { SshServer } from './ssh-server.ts'
import { commandOf, until } from './tools.ts'

/** Two machines on one wire, a daemon on each, and ssh to the second. */
export class TwoHosts {
  readonly machines: Machines
  readonly here: TestDaemon
  readonly there: TestDaemon
  readonly server: SshServer

  private constructor(here: TestDaemon, there: TestDaemon, machines: Machines, server: SshServer) {
    this.here = here
    this.there = there
    this.machines = machines
    this.server = server
  }

  static async start(): Promise<TwoHosts> {
    const machines = new Machines()
    const { address } = machines.add('far')
    // 25 MB a second to the second machine: time to cut the wire in.
    tool(
      'tc',
      '-n',
      machines.name('wire'),
      ...'qdisc add dev p-far root tbf rate 200mbit burst 256kb latency 200ms'.split(' '),
    )
    const here = new TestDaemon([], { netns: machines.path() })
    const there = new TestDaemon([], { netns: machines.path('far') })
    const bin = join(there.directory, 'bin')
    mkdirSync(bin)
    for (const [name, daemon] of [
      ['berth', there],
      ['berth-back', here],
    ] as const) {
      const words = commandOf('berth').map(word => `'${word}'`)
      writeFileSync(
        join(bin, name),
        `#!/bin/sh\nBERTH_HOST=\${BERTH_HOST-unix://${daemon.socket}}\nexport BERTH_HOST\nexec ${words.join(' ')} "$@"\n`,
        { mode: 0o755 },
      )
    }
    const environment = { PATH: `${bin}:/usr/bin:/bin` }
    await Promise.all([here.start(), there.start()])
    const server = await SshServer.start({ netns: machines.path('far'), address, environment })
    return new TwoHosts(here, there, machines, server)
  }

  /** The host there, for `volume migrate`. */
  get url(): string {
    return this.server.url('').replace(/\/$/, '')
  }

  /** Berth's command line on the first machine. */
  launch(args: string[], env: Record<string, string> = {}): ChildProcess {
    const command = [`--net=${this.machines.path()}`, ...commandOf('berth'), ...args]
    const hosts = { BERTH_HOST: `unix://${this.here.socket}`, BERTH_SSH: this.server.command }
    return spawn('nsenter', command, { env: { ...process.env, ...hosts, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  async berth(args: string[], env: Record<string, string> = {}): Promise<Output> {
    return output(this.launch(args, env))
  }

  /** Resolves when some of a volume's content is on the second machine, out of sight. */
  async underWay(child: ChildProcess): Promise<void> {
    await until(
      'the far side has some of it',
      () => {
        if (child.exitCode !== null) throw new Error('it is over before it could be disturbed')
        const find = ['find', this.there.dataRoot, '-name', 'big', '-size', '+2M']
        return spawnSync(find[0]!, find.slice(1), { encoding: 'utf8' })
          .stdout.split('\n')
          .some(path => path !== '' && !/\/volumes\/[a-z]+\/_data\/big$/.test(path))
          ? true
          : undefined
      },
      30_000,
    )
  }

  /** The wire of the second machine is cut, or whole again. */
  wire(whole: boolean): void {
    tool('ip', '-n', this.machines.name('wire'), 'link', 'set', 'p-far', whole ? 'up' : 'down')
  }

  async dispose(): Promise<void> {
    await this.server.dispose()
    await Promise.all([this.here.dispose(), this.there.dispose()])
    this.machines.remove()
  }
}

function tool(name: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(name, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}`)
}

export async function output(child: ChildProcess): Promise<Output> {
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', chunk => (stdout += String(chunk)))
  child.stderr!.on('data', chunk => (stderr += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, stdout, stderr }
}

/** Fills a volume with everything that a migration must keep, and `bytes` of what no compressor makes smaller. */
export async function fill(daemon: TestDaemon, name: string, bytes: number): Promise<string> {
  const { Mountpoint } = await daemon.client.volumes.create({ Name: name, Labels: { kept: 'yes' } })
  const at = (path: string) => join(Mountpoint, path)
  mkdirSync(at('sub/deep'), { recursive: true })
  for (let i = 0; i < 200; i++) writeFileSync(at(`sub/file-${i}`), `content ${i}\n`.repeat(i))
  const big = openSync(at('big'), 'w')
  for (let left = bytes; left > 0; left -= 1 << 20) writeSync(big, randomBytes(Math.min(left, 1 << 20)))
  closeSync(big)
  const sparse = openSync(at('sparse'), 'w')
  ftruncateSync(sparse, 64 << 20)
  writeSync(sparse, 'in the middle', 32 << 20)
  closeSync(sparse)
  linkSync(at('big'), at('sub/deep/linked'))
  symlinkSync('../big', at('sub/pointer'))
  chmodSync(at('sub/file-1'), 0o4750)
  chownSync(at('sub/file-2'), 1234, 4321)
  utimesSync(at('sub/file-3'), 1_000_000_000.123, 1_000_000_000.456)
  spawnSync('setfattr', ['-n', 'user.note', '-v', 'kept', at('sub/file-4')])
  spawnSync('setfacl', ['-m', 'u:77:rw', at('sub/file-5')])
  chownSync(Mountpoint, 99, 98)
  return Mountpoint
}
