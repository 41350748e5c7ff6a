import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { system, unavailable } from '#lib/errors.ts'
import type { TargetEnvironment } from '#ports/targets.ts'
import type { Place } from '../url.ts'
import { commandLine } from './scripts.ts'
import { sshError, type Ended } from './words.ts'

/** Bytes of a program's complaints that are kept. */
const MAX_STDERR = 16 * 1024

/** How one host is reached. */
export interface Way {
  /** `user@host`, for people. */
  host: string
  /** Its directory, with a slash at its end. */
  place: string
  /** Program and arguments, up to the host. */
  words: string[]
  environment: NodeJS.ProcessEnv
}

/**
 * The system's ssh(1), with the user's keys, configuration and known hosts. `BERTH_SSH` is another command, as a
 * shell reads it: `ssh -F file`.
 *
 * @param terminal whether somebody can be asked for a passphrase
 */
export function wayTo(place: Place & { kind: 'ssh' }, environment: TargetEnvironment, terminal: boolean): Way {
  const { user, host, port } = place
  const command = environment['BERTH_SSH']?.trim() || 'ssh'
  const words = command === 'ssh' ? ['ssh'] : ['sh', '-c', `exec ${command} "$@"`, 'ssh']
  const options = ['-T', '-oServerAliveInterval=5', '-oServerAliveCountMax=3', '-oConnectTimeout=15']
  if (!terminal) options.push('-oBatchMode=yes')
  if (port !== undefined) options.push('-p', String(port))
  if (user !== undefined) options.push('-l', user)
  return {
    host: user === undefined ? host : `${user}@${host}`,
    place: place.path,
    words: [...words, ...options, '--', host],
    environment: { ...environment },
  }
}

/** One program at the far end. */
export class Session {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Settles when it has ended and all it said was read. */
  readonly ended: Promise<Ended>
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #way: Way
  readonly #object: string

  /** @param object that it is about, for errors */
  constructor(way: Way, script: string, object: string, signal?: AbortSignal) {
    this.#way = way
    this.#object = object
    const [file, ...args] = way.words
    const child = spawn(file!, [...args, commandLine(script)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: way.environment,
    })
    this.#child = child
    this.stdin = child.stdin
    this.stdout = child.stdout
    // Broken pipes show as the end of the program, which says why.
    child.stdin.on('error', () => {})
    let stderr = ''
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => (stderr = (stderr + text).slice(-MAX_STDERR)))
    const abort = () => this.kill()
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    this.ended = once(child, 'close').then(
      ([code]) => ({ code: code as number | null, stderr }),
      (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') throw system(`there is no ${file}: install the package openssh-client`, { cause })
        throw system(`cannot run ${file}: ${cause.message}`, { cause })
      },
    )
    void this.ended.catch(() => {}).then(() => signal?.removeEventListener('abort', abort))
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    this.#child.stdout.destroy()
    this.#child.stdin.destroy()
  }

  /** Why it ended, or undefined when all is well. */
  async failure(): Promise<Error | undefined> {
    const ended = await this.ended
    return ended.code === 0 ? undefined : sshError(ended, this.#way.host, this.#way.place, this.#object)
  }

  /** For one that ended before it had said all. */
  async broken(): Promise<Error> {
    return (await this.failure()) ?? unavailable(`the connection to ${this.#way.host} broke`)
  }
}

/** Runs a script that takes no input, and says little. @throws what is wrong */
export async function ask(way: Way, script: string, object: string, signal?: AbortSignal): Promise<string> {
  const session = new Session(way, script, object, signal)
  session.stdin.end()
  let text = ''
  session.stdout.setEncoding('utf8')
  session.stdout.on('data', (piece: string) => (text += piece))
  const failure = await session.failure()
  signal?.throwIfAborted()
  if (failure) throw failure
  return text
}
