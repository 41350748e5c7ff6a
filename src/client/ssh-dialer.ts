import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { BerthError } from '#lib/errors.ts'
import { describeSshHost, sshArguments, sshError, type SshEndpoint } from './ssh.ts'

const STDERR_LIMIT = 16 << 10
const STDERR_WAIT_MS = 200
const MASTER_POLL_MS = 10
/** How long ssh may take to end and say why, once its connection is gone. */
const LAST_WORDS_MS = 3000

interface Connection {
  child: ChildProcess
  stderr: string
  /** Exit code; undefined while it runs. */
  ended: Promise<number | null>
  over: boolean
}

/**
 * Connections to a daemon behind ssh: a process each, over one shared connection of ssh's. The first process holds that
 * one; ssh itself connects anew where the server lets no more of them share. All end with `close`, with this process,
 * or when the socket that belongs to them is destroyed.
 */
export class SshDialer {
  readonly #endpoint: SshEndpoint
  readonly #ssh: string
  readonly #open = new Set<Connection>()
  readonly #ofSocket = new WeakMap<object, Connection>()
  #directory: string | undefined
  /** The one whose connection others share, and where. */
  #master: Connection | undefined
  #control = ''
  #masters = 0
  #closed = false
  readonly #onExit = () => this.close()

  /** @param ssh the command, as a shell reads it: `ssh -F /path/config` */
  constructor(endpoint: SshEndpoint, ssh: string) {
    this.#endpoint = endpoint
    this.#ssh = ssh
    process.on('exit', this.#onExit)
  }

  /** A connection that may yet turn out to be none: then it ends at once, and `reason` tells why. */
  async dial(): Promise<Socket> {
    if (this.#closed) throw new BerthError('cancelled', 'the connection is closed')
    const { existsSync } = process.getBuiltinModule('node:fs')
    // Two that come first at the same moment would both log in: the second waits until it can share.
    while (this.#master && !this.#master.over && !existsSync(this.#control)) {
      await new Promise(resolve => setTimeout(resolve, MASTER_POLL_MS))
    }
    if (this.#closed) throw new BerthError('cancelled', 'the connection is closed')
    const isMaster = !this.#master || this.#master.over
    if (isMaster) this.#control = this.#controlPath()
    const connection = this.#spawn(this.#control)
    if (isMaster) this.#master = connection
    const socket = connection.child.stdio[3] as Socket
    this.#ofSocket.set(socket, connection)
    this.#open.add(connection)
    socket.on('close', () => this.#gone(connection))
    return socket
  }

  /** The one that others share is not killed before them: its input has ended. */
  #gone(connection: Connection): void {
    this.#open.delete(connection)
    if (connection !== this.#master) connection.child.kill()
    if (this.#open.size > 0) return
    this.#master?.child.kill()
    this.#master = undefined
  }

  /** What ssh said of a connection that broke, once it has ended. */
  async reason(socket: unknown): Promise<BerthError | undefined> {
    const connection = this.#ofSocket.get(socket as object)
    if (!connection || this.#closed) return undefined
    const timeout = new Promise<'alive'>(resolve => setTimeout(resolve, LAST_WORDS_MS, 'alive').unref())
    const code = await Promise.race([connection.ended, timeout])
    if (code === 'alive' || code === 0) return undefined
    const program = /\S+/.exec(this.#ssh)?.[0] ?? ''
    return sshError(describeSshHost(this.#endpoint), code, connection.stderr, program)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    process.off('exit', this.#onExit)
    for (const { child } of this.#open) {
      child.kill()
      child.stdio[3]?.destroy()
    }
    this.#master?.child.kill()
    if (this.#directory === undefined) return
    process.getBuiltinModule('node:fs').rmSync(this.#directory, { recursive: true, force: true })
  }

  #controlPath(): string {
    const { mkdtempSync } = process.getBuiltinModule('node:fs')
    const { tmpdir } = process.getBuiltinModule('node:os')
    // Made with mode 0700: nobody else gets at the shared connection.
    this.#directory ??= mkdtempSync(`${process.env['XDG_RUNTIME_DIR'] ?? tmpdir()}/berth-ssh-`)
    return `${this.#directory}/${this.#masters++}`
  }

  #spawn(control: string): Connection {
    const { spawn } = process.getBuiltinModule('node:child_process')
    // The shell gives ssh one socket for both ways (Node would give two), and becomes it.
    const script = `exec ${this.#ssh} "$@" <&3 >&3 3<&-`
    const child = spawn('sh', ['-c', script, 'ssh', ...sshArguments(this.#endpoint, control)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // Interrupts of the terminal are for this program, which may have to say goodbye over the connection.
      detached: true,
    })
    const errors = child.stderr as Socket
    const connection: Connection = { child, stderr: '', over: false, ended: Promise.resolve(null) }
    connection.ended = new Promise(resolve => {
      const over = (code: number | null) => {
        connection.over = true
        // Its last words may still be on their way; who shares its connection may hold the other end for longer.
        const timer = setTimeout(resolve, STDERR_WAIT_MS, code)
        errors.once('close', () => {
          clearTimeout(timer)
          resolve(code)
        })
      }
      child.on('exit', over)
      child.on('error', error => {
        connection.stderr += error.message
        over(null)
      })
    })
    errors.on('data', (chunk: Buffer) => {
      if (connection.stderr.length < STDERR_LIMIT) connection.stderr += String(chunk)
    })
    // Idle connections keep no program alive.
    errors.unref()
    child.unref()
    return connection
  }
}
