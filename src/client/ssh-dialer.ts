import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { BerthError } from '#lib/errors.ts'
import { describeSshHost, dialArguments, shareArguments, sshError, type SshEndpoint } from './ssh.ts'

const STDERR_LIMIT = 16 << 10
const STDERR_WAIT_MS = 200
const SHARE_POLL_MS = 10
/** How long ssh may take to end and say why, once its connection is gone. */
const LAST_WORDS_MS = 3000

interface Program {
  child: ChildProcess
  socket: Socket
  stderr: string
  /** Exit code, null after a signal. */
  ended: Promise<number | null>
  over: boolean
}

/**
 * Connections to a daemon behind ssh: a process each, all over one connection that a process of its own shares with them.
 * (The first of them could do that too, but would not end before the last.) Where the server lets no more of them share,
 * ssh connects anew by itself. All end with `close` and with this program, however that ends.
 */
export class SshDialer {
  readonly #endpoint: SshEndpoint
  readonly #ssh: string
  readonly #open = new Set<Program>()
  readonly #ofSocket = new WeakMap<object, Program>()
  #shared: { program: Program; control: string; ready: Promise<void> } | undefined
  #closed = false
  readonly #onExit = () => this.close()

  /** @param ssh the command, as a shell reads it: `ssh -F /path/config` */
  constructor(endpoint: SshEndpoint, ssh: string) {
    this.#endpoint = endpoint
    this.#ssh = ssh
    process.on('exit', this.#onExit)
  }

  /**
   * A connection whose far end may yet turn out to be missing: then it ends at once, and `reason` tells why.
   *
   * @throws what ssh says when it does not get through
   */
  async dial(): Promise<Socket> {
    const control = await this.#share()
    // Node would give two sockets for both ways: the shell gives ssh one, and becomes it.
    const program = this.#spawn('exec SSH "$@" <&3 >&3 3<&-', dialArguments(this.#endpoint, control))
    const { socket, child } = program
    this.#ofSocket.set(socket, program)
    this.#open.add(program)
    socket.on('close', () => {
      this.#open.delete(program)
      child.kill()
    })
    return socket
  }

  /** What was said of a connection that broke, once it has ended. */
  async reason(socket: unknown): Promise<BerthError | undefined> {
    const program = socket ? this.#ofSocket.get(socket) : undefined
    if (!program || this.#closed) return undefined
    const timeout = new Promise<'alive'>(resolve => setTimeout(resolve, LAST_WORDS_MS, 'alive'))
    const code = await Promise.race([program.ended, timeout])
    return code === 'alive' || code === 0 ? undefined : this.#errorOf(program, code)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    process.off('exit', this.#onExit)
    for (const { child, socket } of this.#open) {
      child.kill()
      socket.destroy()
    }
    this.#shared?.program.socket.destroy()
  }

  /** @returns path of the socket over which the connection is shared */
  async #share(): Promise<string> {
    if (this.#closed) throw new BerthError('cancelled', 'the connection is closed')
    if (!this.#shared || this.#shared.program.over) {
      const directory = privateDirectory()
      const control = `${directory}/c`
      // Reading ends when this program does, be it killed: then the connection goes, and with it all that share it.
      const script =
        'SSH "$@" </dev/null >/dev/null 3<&- & s=$!; { read _; kill $s; } <&3 2>/dev/null & w=$!; ' +
        'wait $s; c=$?; rm -rf -- "$0"; kill $w 2>/dev/null; exit $c'
      const program = this.#spawn(script, shareArguments(this.#endpoint, control), directory)
      program.socket.on('error', () => {}).unref()
      this.#shared = { program, control, ready: this.#listening(program, control) }
    }
    await this.#shared.ready
    return this.#shared.control
  }

  async #listening(program: Program, control: string): Promise<void> {
    const { existsSync } = process.getBuiltinModule('node:fs')
    while (!existsSync(control)) {
      if (program.over) throw this.#errorOf(program, await program.ended)
      await new Promise(resolve => setTimeout(resolve, SHARE_POLL_MS))
    }
  }

  #errorOf({ stderr }: Program, code: number | null): BerthError {
    return sshError(describeSshHost(this.#endpoint), code, stderr, /\S+/.exec(this.#ssh)?.[0] ?? '')
  }

  #spawn(script: string, args: string[], name = 'ssh'): Program {
    const { spawn } = process.getBuiltinModule('node:child_process')
    const child = spawn('sh', ['-c', script.replace('SSH', () => this.#ssh), name, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // Interrupts of the terminal are for this program, which may have to say goodbye over the connection.
      detached: true,
    })
    const socket = child.stdio[3] as Socket
    const errors = child.stderr as Socket
    const program: Program = { child, socket, stderr: '', over: false, ended: Promise.resolve(null) }
    program.ended = new Promise(resolve => {
      const over = (code: number | null) => {
        program.over = true
        // Its last words may still be on their way; who shares its connection may hold the other end for longer.
        const timer = setTimeout(resolve, STDERR_WAIT_MS, code)
        errors.once('close', () => {
          clearTimeout(timer)
          resolve(code)
        })
      }
      child.on('exit', over)
      child.on('error', error => {
        program.stderr += error.message
        over(null)
      })
    })
    errors.on('data', (chunk: Buffer) => {
      if (program.stderr.length < STDERR_LIMIT) program.stderr += String(chunk)
    })
    // Idle connections keep no program alive.
    errors.unref()
    child.unref()
    return program
  }
}

/** For the socket that connections share; mode 0700, so that nobody else gets at it. */
function privateDirectory(): string {
  const { mkdtempSync } = process.getBuiltinModule('node:fs')
  const { tmpdir } = process.getBuiltinModule('node:os')
  // Paths of sockets have some 100 bytes, and ssh adds 17 to this one for a while.
  const parent = tmpdir().length > 60 ? '/tmp' : tmpdir()
  return mkdtempSync(`${parent}/berth-ssh-`)
}
