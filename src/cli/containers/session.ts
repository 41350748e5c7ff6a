import { Transform, type TransformCallback } from 'node:stream'
import type { Hijacked } from '#client/index.ts'
import type { Context } from '../core/context.ts'
import { CliError } from '../core/command.ts'

const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q'

export interface SessionOptions {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
  detachKeys: string
}

/** Refuses what cannot work before anything is created. */
export function checkTerminal(context: Context, options: { stdin: boolean; tty: boolean }): void {
  if (options.stdin && options.tty && !context.stdin.isTTY) {
    throw new CliError('the input device is not a TTY', 1)
  }
}

/**
 * Connects this process's streams with a container's until the container's output ends or the user detaches. The
 * terminal is raw meanwhile and as it was afterwards, whatever happens.
 */
export async function runSession(
  context: Context,
  hijacked: Hijacked,
  options: SessionOptions,
): Promise<'ended' | 'detached'> {
  const { socket } = hijacked
  // The daemon may close while we still write: its output tells what happened.
  socket.on('error', () => {})
  const restore = options.tty && options.stdin ? makeRaw(context) : () => {}
  let detached = false
  try {
    const ended = hijacked.demux({
      stdout: options.stdout ? context.stdout : undefined,
      stderr: options.stderr ? context.stderr : undefined,
    })
    if (!options.stdin) return await ended.then(() => 'ended' as const)
    let source: NodeJS.ReadableStream = context.stdin
    const gone = new Promise<'detached'>(resolve => {
      if (!options.tty) return
      const filter = new DetachFilter(parseDetachKeys(options.detachKeys), () => {
        detached = true
        resolve('detached')
      })
      source = context.stdin.pipe(filter)
    })
    // Ends our half at the end of stdin: the other half goes on.
    source.pipe(socket)
    const result = await Promise.race([ended.then(() => 'ended' as const), gone])
    return detached ? 'detached' : result
  } finally {
    if (options.stdin) {
      context.stdin.unpipe()
      context.stdin.pause()
    }
    restore()
    if (detached) hijacked.close()
  }
}

function makeRaw(context: Context): () => void {
  const { stdin } = context
  if (!stdin.isTTY) return () => {}
  stdin.setRawMode(true)
  // libuv's raw mode still turns LF into CR LF, which full-screen programs do not survive. Restoring undoes this too.
  process
    .getBuiltinModule('node:child_process')
    .spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
  const restore = () => void stdin.setRawMode(false)
  process.on('exit', restore)
  return () => {
    process.off('exit', restore)
    restore()
  }
}

/** `ctrl-p,ctrl-q` or single letters as the bytes they send. '' is the default. @throws CliError */
export function parseDetachKeys(text: string): Buffer {
  const bytes = (text || DEFAULT_DETACH_KEYS).split(',').map(key => {
    if (key.length === 1) return key.charCodeAt(0)
    const match = /^ctrl-([a-z@[\\\]^_])$/.exec(key)
    if (!match) throw new CliError(`invalid detach keys (${text}): Unknown character: '${key}'`, 125)
    return match[1]!.toUpperCase().charCodeAt(0) & 0x1f
  })
  return Buffer.from(bytes)
}

/** Passes everything but the detach keys; a beginning of them is held until it is clear what follows. */
export class DetachFilter extends Transform {
  readonly #keys: Buffer
  readonly #onDetach: () => void
  #matched = 0
  #done = false

  constructor(keys: Buffer, onDetach: () => void) {
    super()
    this.#keys = keys
    this.#onDetach = onDetach
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#done) return done()
    const out: number[] = []
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++
        if (this.#matched < this.#keys.length) continue
        this.#done = true
        this.#onDetach()
        break
      }
      for (let i = 0; i < this.#matched; i++) out.push(this.#keys[i]!)
      this.#matched = byte === this.#keys[0] ? 1 : 0
      if (this.#matched === 0) out.push(byte)
    }
    if (out.length > 0) this.push(Buffer.from(out))
    done()
  }
}
