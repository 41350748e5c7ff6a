import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import type { ContainerInspect, ContainerSummary } from '#wire/index.ts'
import type { Output, TestDaemon } from '../support/daemon.ts'
import { environmentOf, launch } from '../support/tools.ts'

/** Stays and ends at once on SIGTERM: a Compose `command` value. */
export const STAYS = JSON.stringify(['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"])

/** One Compose project in a directory of its own, driven by the command line. */
export class ComposeProject {
  readonly name: string
  readonly directory: string
  readonly #daemon: TestDaemon
  readonly #env: Record<string, string>

  constructor(daemon: TestDaemon, files: Record<string, string>, options: { name?: string; env?: object } = {}) {
    this.#daemon = daemon
    this.#env = { ...options.env }
    this.directory = mkdtempSync(join(daemon.directory, 'project-'))
    this.name = options.name ?? `p${this.directory.slice(-6).toLowerCase()}`
    for (const [file, text] of Object.entries(files)) this.write(file, text)
  }

  write(file: string, text: string): void {
    const path = join(this.directory, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  start(...args: string[]): ChildProcess {
    return launch(this.#daemon, 'berth', this.#arguments(args), {
      cwd: this.directory,
      env: { ...environmentOf(this.#daemon), COMPOSE_PROJECT_NAME: this.name, ...this.#env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  }

  /** `berth compose ARGS`; never throws for its exit code. */
  async run(...args: string[]): Promise<Output> {
    const child = this.start(...args)
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]!.setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk))
    }
    child.stdin!.end()
    const [code] = (await once(child, 'close')) as [number | null]
    return { code: code ?? -1, ...text }
  }

  /** As `run`, and an exit code other than 0 is an error. @returns both outputs */
  async ok(...args: string[]): Promise<Output> {
    const output = await this.run(...args)
    assert.equal(output.code, 0, `compose ${args.join(' ')}:\n${output.stdout}${output.stderr}`)
    return output
  }

  /** Fails with exit code 1 and words that match. */
  async refused(words: RegExp, ...args: string[]): Promise<void> {
    const { code, stderr } = await this.run(...args)
    assert.match(stderr, words)
    assert.equal(code, 1)
  }

  #arguments(args: string[]): string[] {
    return ['compose', ...args]
  }

  containers(): Promise<ContainerSummary[]> {
    const label = [`com.docker.compose.project=${this.name}`]
    return this.#daemon.client.containers.list({ all: true, filters: { label } })
  }

  /** Ids by name. */
  async ids(): Promise<Record<string, string>> {
    const all = await this.containers()
    return Object.fromEntries(all.map(one => [one.Names[0]!.slice(1), one.Id]).toSorted())
  }

  inspect(service: string, number = 1): Promise<ContainerInspect> {
    return this.#daemon.client.containers.inspect(`${this.name}-${service}-${number}`)
  }

  /** What a shell line in a service's container says. */
  async sh(service: string, line: string): Promise<string> {
    return (await this.ok('exec', '-T', service, 'sh', '-c', line)).stdout.trim()
  }

  /** Takes everything down and deletes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.run('-p', this.name, 'down', '-v', '--remove-orphans', '-t', '0')
    rmSync(this.directory, { recursive: true, force: true })
  }
}
