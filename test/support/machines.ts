import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** Network namespaces that play machines: the one that a daemon runs on, and others on the same wire. */
export class Machines {
  /** Address of the daemon's machine on the wire, and its namespace. */
  readonly address = '10.213.0.1'
  readonly address6 = 'fd00:213::1'
  readonly #prefix = `bt${randomBytes(3).toString('hex')}`
  readonly #names: string[] = []
  #neighbours = 0

  constructor() {
    this.#make('host')
    const wire = ['link', 'add', 'wire', 'type', 'bridge']
    this.#make('wire')
    ip('-n', this.name('wire'), ...wire)
    ip('-n', this.name('wire'), 'link', 'set', 'wire', 'up')
    this.#plug('host', 'eth0', this.address, this.address6)
  }

  /** `ip netns` name. */
  name(machine: string): string {
    return `${this.#prefix}-${machine}`
  }

  /** For `TestDaemon`'s `netns`. */
  path(machine = 'host'): string {
    return `/run/netns/${this.name(machine)}`
  }

  /** One more machine on the wire, its default route through the daemon's. @returns its addresses */
  add(machine: string): { address: string; address6: string } {
    const number = ++this.#neighbours + 1
    const address = `10.213.0.${number}`
    const address6 = `fd00:213::${number}`
    this.#make(machine)
    this.#plug(machine, 'eth0', address, address6)
    ip('-n', this.name(machine), 'route', 'add', 'default', 'via', this.address)
    ip('-n', this.name(machine), '-6', 'route', 'add', 'default', 'via', this.address6)
    return { address, address6 }
  }

  /** Runs a program of this machine with another one's network. Never throws for its exit code. */
  on(machine: string, command: string[], options: { input?: string; timeoutMs?: number } = {}) {
    const { status, stdout, stderr } = spawnSync('nsenter', [`--net=${this.path(machine)}`, ...command], {
      encoding: 'utf8',
      input: options.input ?? '',
      timeout: options.timeoutMs ?? 20_000,
    })
    return { code: status ?? -1, stdout, stderr }
  }

  remove(): void {
    for (const name of this.#names.reverse()) spawnSync('ip', ['netns', 'del', name])
  }

  #make(machine: string): void {
    ip('netns', 'add', this.name(machine))
    this.#names.push(this.name(machine))
    ip('-n', this.name(machine), 'link', 'set', 'lo', 'up')
  }

  #plug(machine: string, device: string, address: string, address6: string): void {
    const port = `p-${machine}`.slice(0, 15)
    const wire = this.name('wire')
    ip('-n', wire, 'link', 'add', port, 'type', 'veth', 'peer', 'name', device, 'netns', this.name(machine))
    ip('-n', wire, 'link', 'set', port, 'master', 'wire', 'up')
    ip('-n', this.name(machine), 'addr', 'add', `${address}/24`, 'dev', device)
    ip('-n', this.name(machine), 'addr', 'add', `${address6}/64`, 'dev', device, 'nodad')
    ip('-n', this.name(machine), 'link', 'set', device, 'up')
  }
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}
