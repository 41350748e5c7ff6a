import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exitOf, started } from './containers.ts'
import { TestDaemon } from './daemon.ts'

interface Kept {
  id: string
  name: string
  nodes: string[]
  staged: string
  published: string[]
}

/** A daemon and the CSI driver `shelf.test` (csi-driver.ts), each to be killed and started at will. */
export class CsiLab {
  static readonly PROGRAM = new URL('./csi-driver.ts', import.meta.url).pathname
  readonly daemon = new TestDaemon()
  readonly home = join(this.daemon.directory, 'driver')
  readonly socket = join(this.daemon.execRoot, 'csi', 'shelf.test.sock')
  #driver: ChildProcess | undefined

  async start(): Promise<void> {
    await this.startDriver()
    await this.daemon.start()
    await this.daemon.loadBusybox()
  }

  async dispose(): Promise<void> {
    await this.stopDriver()
    await this.startDriver()
    try {
      await this.daemon.dispose()
    } finally {
      await this.stopDriver()
    }
  }

  async startDriver(): Promise<void> {
    mkdirSync(join(this.daemon.execRoot, 'csi'), { recursive: true })
    mkdirSync(this.home, { recursive: true })
    this.mood()
    this.#driver = spawn(process.execPath, [CsiLab.PROGRAM, this.socket, this.home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(this.#driver.stdout!, 'data')
  }

  async stopDriver(): Promise<void> {
    const driver = this.#driver
    if (!driver || driver.exitCode !== null || driver.signalCode !== null) return
    const ended = once(driver, 'exit')
    driver.kill('SIGKILL')
    await ended
  }

  /** How the driver behaves from now on: see csi-driver.ts. */
  mood(...lines: string[]): void {
    writeFileSync(join(this.home, 'mood'), lines.join('\n'))
  }

  log(): string {
    const file = join(this.home, 'log')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  /** Methods that change something, since a length of the log. */
  steps(since = 0): string[] {
    const names = this.log()
      .slice(since)
      .split('\n')
      .map(line => line.split(' ')[0]!)
    return names.filter(name => name.endsWith('Volume'))
  }

  /** The volumes that the driver has. */
  kept(): Kept[] {
    return Object.values(JSON.parse(readFileSync(join(this.home, 'state.json'), 'utf8')) as Record<string, Kept>)
  }

  create(Name: string, DriverOpts: Record<string, string> = {}) {
    return this.daemon.client.volumes.create({ Name, Driver: 'shelf.test', DriverOpts })
  }

  /** What the driver has of a volume, whenever it is asked. */
  async watch(name: string): Promise<() => Kept | undefined> {
    const { VolumeId } = (await this.daemon.client.volumes.inspect(name)).Status as { VolumeId: string }
    return () => this.kept().find(volume => volume.id === VolumeId)
  }

  /** Runs a script with volumes. @returns its exit code */
  async runs(script: string, ...binds: string[]): Promise<number> {
    await started(this.daemon, 'runner', ['sh', '-c', script], on(...binds))
    const code = await exitOf(this.daemon, 'runner')
    await this.daemon.client.containers.remove('runner')
    return code
  }
}

export const on = (...Binds: string[]) => ({ HostConfig: { Binds } })

/** Attached, staged or published nowhere. */
export const isIdle = (one: Kept | undefined): boolean =>
  one !== undefined && one.nodes.length + one.published.length === 0 && one.staged === ''
