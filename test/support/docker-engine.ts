import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineClient } from '#client/index.ts'
import { until } from './tools.ts'

/** Whether there is a dockerd(8); tests that need it say so when they are skipped. */
export const dockerdHere = spawnSync('dockerd', ['--version']).status === 0

/** A real Docker daemon in a network namespace, on roots of its own: no bridge, no packet filter. */
export class DockerEngine {
  readonly directory = mkdtempSync(join(tmpdir(), 'berth-dockerd-'))
  readonly socket = join(this.directory, 'docker.sock')
  readonly client = new EngineClient(`unix://${this.socket}`)
  #process: ChildProcess | undefined

  async start(netns: string): Promise<void> {
    const at = (name: string) => join(this.directory, name)
    const log = openSync(at('log'), 'a')
    const roots = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')]
    const quiet = ['--iptables=false', '--ip-forward=false', '--ip-masq=false', '--bridge=none']
    const child = spawn(
      'nsenter',
      [`--net=${netns}`, 'dockerd', '-H', `unix://${this.socket}`, ...roots, ...quiet, '--storage-driver', 'vfs'],
      { stdio: ['ignore', log, log] },
    )
    this.#process = child
    await until(
      'dockerd answers',
      async () => {
        if (child.exitCode !== null) throw new Error(readFileSync(at('log'), 'utf8'))
        return this.client.system.ping().catch(() => undefined)
      },
      60_000,
    )
  }

  async dispose(): Promise<void> {
    const child = this.#process
    if (child && child.exitCode === null) {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    }
    this.client.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
