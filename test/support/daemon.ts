import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { daemonCommand } from '#cli/core/start-daemon.ts'
import { EngineClient } from '#client/index.ts'

const ROOT = new URL('../..', import.meta.url).pathname

export interface Output {
  code: number
  stdout: string
  stderr: string
}

/**
 * A real daemon on roots of its own, for one test file.
 */
export class TestDaemon {
  readonly directory: string
  readonly socket: string
  readonly dataRoot: string
  readonly execRoot: string
  readonly client: EngineClient
  /** Ids of every container that a test made here. */
  readonly seen = new Set<string>()
  readonly #flags: string[]
  readonly #netns: string | undefined
  #process: ChildProcess | undefined

  /** @param options.netns path of the network namespace that is the daemon's host; the test's own if absent */
  constructor(flags: string[] = [], options: { netns?: string } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'berth-test-'))
    this.dataRoot = join(this.directory, 'data')
    this.execRoot = join(this.directory, 'run')
    this.socket = join(this.directory, 'berth.sock')
    this.#flags = flags
    this.#netns = options.netns
    this.client = new EngineClient(`unix://${this.socket}`)
    mkdirSync(this.execRoot, { recursive: true })
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get log(): string {
    return readFileSync(join(this.directory, 'daemon.log'), 'utf8')
  }

  /** Starts (again) on the same roots and waits until the API answers. @returns milliseconds until it answered */
  async start(): Promise<number> {
    const began = performance.now()
    const log = openSync(join(this.directory, 'daemon.log'), 'a')
    const roots = ['--data-root', this.dataRoot, '--exec-root', this.execRoot, '--pidfile', join(this.directory, 'pid')]
    const { file, args, env } = daemonCommand()
    const command = [file, ...args, '-H', `unix://${this.socket}`, ...roots, ...this.#flags]
    // nsenter(1) becomes the daemon; `ip netns exec` would give it a mount namespace of its own.
    if (this.#netns) command.unshift('nsenter', `--net=${this.#netns}`)
    this.#process = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', log, log],
      env: { ...env, NODE_COMPILE_CACHE: join(tmpdir(), 'berth-compile-cache') },
    })
    const child = this.#process
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the daemon ended (${child.exitCode ?? child.signalCode}):\n${this.log}`)
      if (existsSync(this.socket)) {
        try {
          await this.client.system.ping()
          return performance.now() - began
        } catch {
          // Not listening yet: the socket file of a killed daemon.
        }
      }
      if (performance.now() - began > 30_000) throw new Error(`the daemon does not answer:\n${this.log}`)
      await sleep(5)
    }
  }

  /** Ends the daemon; containers live on. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    await ended
    this.client.close()
  }

  /** Removes every container, network and volume, ends the daemon, deletes its roots. */
  async dispose(): Promise<void> {
    try {
      if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) await this.start()
      const containers = await this.client.containers.list({ all: true })
      await Promise.all(containers.map(one => this.client.containers.remove(one.Id, { force: true, volumes: true })))
      await this.client.networks.prune()
      await this.client.volumes.prune({ all: ['true'] })
    } finally {
      await this.stop()
      rmSync(this.directory, { recursive: true, force: true })
    }
  }

  /** The static busybox image, as `busybox`. */
  async loadBusybox(): Promise<void> {
    for await (const line of await this.client.images.bootstrap({ image: 'busybox' })) {
      if (line.error) throw new Error(line.error)
    }
  }

  /** The real `docker` client, pointed at this daemon. */
  docker(...args: string[]): Output {
    return this.#run('docker', args)
  }

  /** The `berth` command line, pointed at this daemon. */
  berth(...args: string[]): Output {
    return this.#run(process.execPath, [
      '--no-concurrent-recompilation',
      '--disable-warning=ExperimentalWarning',
      join(ROOT, 'src/cli/main.ts'),
      ...args,
    ])
  }

  #run(file: string, args: string[]): Output {
    const env = { ...process.env, DOCKER_HOST: `unix://${this.socket}`, BERTH_HOST: `unix://${this.socket}` }
    const { status, stdout, stderr, error } = spawnSync(file, args, {
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      timeout: 120_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (error) throw error
    return { code: status ?? -1, stdout, stderr }
  }
}

/** Whether the real `docker` client is here; tests that need it say so when they are skipped. */
export const dockerClient = spawnSync('docker', ['--version']).status === 0
