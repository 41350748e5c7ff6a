import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

interface SshServerOptions {
  /** Path of the network namespace that it listens in; the test's own if absent. */
  netns?: string
  /** That it listens on, and that the client's configuration names. */
  address?: string
  port?: number
  /** Environment of what is run there. */
  environment?: Record<string, string>
  /** More lines of sshd_config(5). */
  config?: string[]
}

/** Whether there is an sshd(8); tests that need it say so when they are skipped. */
export const sshdHere = spawnSync('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v sshd && command -v ssh']).status === 0

/**
 * A real sshd(8) with a host key, a user's key and configurations of its own, in a directory of its own. It lets root in.
 * Clients are told of it by `ssh -F ${server.config}`, which `server.command` is.
 */
export class SshServer {
  readonly directory: string
  readonly address: string
  readonly port: number
  /** ssh_config(5) file for clients: key, known host, port. */
  readonly config: string
  /** For `BERTH_SSH`. */
  readonly command: string
  readonly #netns: string | undefined
  #process: ChildProcess | undefined

  private constructor(options: SshServerOptions, port: number) {
    this.directory = mkdtempSync(join(tmpdir(), 'berth-sshd-'))
    this.address = options.address ?? '127.0.0.1'
    this.port = port
    this.#netns = options.netns
    this.config = join(this.directory, 'ssh_config')
    this.command = `ssh -F ${this.config}`
    this.#write(options)
  }

  static async start(options: SshServerOptions = {}): Promise<SshServer> {
    const server = new SshServer(options, options.port ?? (options.netns ? 2222 : await freePort()))
    await server.start()
    return server
  }

  /** `ssh://root@ADDRESS:PORT/path` */
  url(path = '/'): string {
    return `ssh://root@${this.address}:${this.port}${path}`
  }

  get log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8')
  }

  /** Listens (again), with the same keys. */
  async start(): Promise<void> {
    // Privilege separation wants it; the Debian package's service makes it.
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    const command = [
      '/usr/sbin/sshd',
      '-D',
      '-f',
      join(this.directory, 'sshd_config'),
      '-E',
      join(this.directory, 'log'),
    ]
    if (this.#netns) command.unshift('nsenter', `--net=${this.#netns}`)
    const child = spawn(command[0]!, command.slice(1), { stdio: 'ignore' })
    this.#process = child
    for (let tries = 0; !(await this.#answers()); tries++) {
      if (child.exitCode !== null) throw new Error(`sshd ended: ${this.log}`)
      if (tries > 500) throw new Error(`sshd does not answer: ${this.log}`)
      await sleep(20)
    }
  }

  /** Connections that there are, but for the listener. */
  sessions(): number[] {
    const all: number[] = []
    const below = (pid: number) => {
      for (const child of childrenOf(pid)) {
        all.push(child)
        below(child)
      }
    }
    if (this.#process?.pid) below(this.#process.pid)
    return all.filter(pid => nameOf(pid).startsWith('sshd'))
  }

  /** Every connection breaks at once; new ones are taken. */
  cut(): void {
    for (const pid of this.sessions()) kill(pid)
  }

  /** Neither listens nor serves. */
  async stop(): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const sessions = this.sessions()
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    for (const pid of sessions) kill(pid)
    await ended
  }

  async dispose(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #write({ environment = {}, config = [] }: SshServerOptions): void {
    const file = (name: string) => join(this.directory, name)
    for (const key of ['host_key', 'user_key']) {
      const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(key)])
      if (status !== 0) throw new Error(`ssh-keygen: ${String(stderr)}`)
    }
    const [type, hostKey] = readFileSync(file('host_key.pub'), 'utf8').split(' ')
    writeFileSync(file('known_hosts'), `[${this.address}]:${this.port} ${type} ${hostKey}\n`)
    writeFileSync(file('authorized_keys'), readFileSync(file('user_key.pub')))
    // Whatever the user's shell does at its start is none of a test's business, and takes time.
    const variables = Object.entries({ HOME: this.directory, ...environment }).map(
      ([name, value]) => `${name}="${value}"`,
    )
    const server = [
      `ListenAddress ${this.address}:${this.port}`,
      `HostKey ${file('host_key')}`,
      `AuthorizedKeysFile ${file('authorized_keys')}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'MaxStartups 100:30:200',
      'MaxSessions 100',
      'Subsystem sftp internal-sftp',
      `SetEnv ${variables.join(' ')}`,
      ...config,
    ]
    writeFileSync(file('sshd_config'), `${server.join('\n')}\n`)
    const client = [
      'Host *',
      `Port ${this.port}`,
      'User root',
      `IdentityFile ${file('user_key')}`,
      'IdentitiesOnly yes',
      'IdentityAgent none',
      `UserKnownHostsFile ${file('known_hosts')}`,
      'GlobalKnownHostsFile none',
      'StrictHostKeyChecking yes',
      'ServerAliveInterval 2',
      'ServerAliveCountMax 3',
      'ConnectTimeout 5',
    ]
    writeFileSync(this.config, `${client.join('\n')}\n`)
  }

  async #answers(): Promise<boolean> {
    if (this.#netns) {
      const words = ['nsenter', `--net=${this.#netns}`, ...this.command.split(' '), this.address, 'true']
      return spawnSync(words[0]!, words.slice(1), { stdio: 'ignore', timeout: 10_000 }).status === 0
    }
    return new Promise(resolve => {
      const socket = connect(this.port, this.address)
      const done = (answer: boolean) => {
        socket.destroy()
        resolve(answer)
      }
      socket.once('data', () => done(true))
      socket.once('error', () => done(false))
      socket.once('close', () => done(false))
    })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
  } catch {
    return ''
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Ended meanwhile.
  }
}
