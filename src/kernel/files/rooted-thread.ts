import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { parentPort, Worker, workerData, type MessagePort } from 'node:worker_threads'
import { BerthError, messageOf, unavailable, type ErrorKind } from '#lib/errors.ts'
import type { RootedFiles } from '#ports/files.ts'
import { HostRootedFiles } from './rooted-files.ts'

/** A call of `RootedFiles`; a stream among the arguments goes by messages. */
interface Job {
  method: keyof RootedFiles
  root: string
  path: string
  rest: unknown[]
}

type FromThread =
  | { kind: 'done'; value: unknown }
  | { kind: 'error'; error: { kind: ErrorKind; message: string; details: Record<string, unknown> } }
  /** An archive is there, and its pieces come when they are wanted. */
  | { kind: 'opened' }
  | { kind: 'chunk'; bytes: Uint8Array }
  /** The next piece of the tar that is unpacked. */
  | { kind: 'want' }

type ToThread = { kind: 'want' } | { kind: 'chunk'; bytes: Uint8Array } | { kind: 'end' }

/** Milliseconds that one answer of the thread may take. */
const PATIENCE = 15_000

/**
 * `RootedFiles` on threads of their own, one a call: for trees on a file system that may cease to answer. A thread that
 * hangs is left behind; it holds nobody up, and this process does not wait for it at its end.
 */
export class ThreadedRootedFiles implements RootedFiles {
  readonly #patience: number

  constructor(patience = PATIENCE) {
    this.#patience = patience
  }

  stat(root: string, path: string) {
    return this.#call<Awaited<ReturnType<RootedFiles['stat']>>>('stat', root, path)
  }

  read(root: string, path: string, maxBytes: number) {
    return this.#call<string>('read', root, path, maxBytes)
  }

  resolve(root: string, path: string) {
    return this.#call<string>('resolve', root, path)
  }

  makeDirectories(root: string, path: string, owner?: { uid: number; gid: number }) {
    return this.#call<void>('makeDirectories', root, path, owner)
  }

  async archive(root: string, path: string, options: { xattrs?: boolean; name?: string } = {}): Promise<Readable> {
    const thread = new Thread({ method: 'archive', root, path, rest: [options] }, this.#patience)
    await thread.next()
    // A generator that was never begun has no end of its own.
    return Readable.from(pieces(thread), { objectMode: false }).once('close', () => thread.leave())
  }

  async extract(
    root: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir?: boolean; chown?: { uid: number; gid: number } } = {},
  ): Promise<void> {
    const thread = new Thread({ method: 'extract', root, path, rest: [options] }, this.#patience)
    try {
      const source = tar[Symbol.asyncIterator]()
      for (;;) {
        if ((await thread.next()).kind === 'done') return
        // The thread may be done, or have failed, before the next piece has come.
        const piece = await Promise.race([source.next() as Promise<IteratorResult<Buffer>>, thread.answered()])
        if (piece) thread.send(piece.done ? { kind: 'end' } : { kind: 'chunk', bytes: piece.value })
      }
    } finally {
      thread.leave()
    }
  }

  async #call<T>(method: keyof RootedFiles, root: string, path: string, ...rest: unknown[]): Promise<T> {
    const thread = new Thread({ method, root, path, rest }, this.#patience)
    try {
      const answer = await thread.next()
      return (answer.kind === 'done' ? answer.value : undefined) as T
    } finally {
      thread.leave()
    }
  }
}

async function* pieces(thread: Thread): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    thread.send({ kind: 'want' })
    const answer = await thread.next()
    if (answer.kind !== 'chunk') return
    yield answer.bytes
  }
}

/** The side of the daemon: answers are waited for one at a time. */
class Thread {
  readonly #worker: Worker
  readonly #path: string
  readonly #patience: number
  readonly #answers: FromThread[] = []
  #wake: (() => void)[] = []
  #ended = false

  constructor(job: Job, patience: number) {
    this.#path = `${job.root}${job.path}`
    this.#patience = patience
    const options = { name: 'files', workerData: { berthRooted: job }, execArgv: [] }
    this.#worker = new Worker(new URL(import.meta.url), options)
    this.#worker.on('message', (answer: FromThread) => {
      this.#answers.push(answer)
      this.#awake()
    })
    const ended = () => {
      this.#ended = true
      this.#awake()
    }
    this.#worker.on('error', ended).on('exit', ended)
  }

  send(message: ToThread): void {
    this.#worker.postMessage(message, [])
  }

  /** @throws the error of the thread's work, or unavailable when it does not answer */
  async next(): Promise<FromThread> {
    if (this.#answers.length === 0 && !this.#ended) await this.#inTime()
    const answer = this.#answers.shift()
    if (answer && answer.kind !== 'error') return answer
    this.leave()
    if (answer) throw new BerthError(answer.error.kind, answer.error.message, { details: answer.error.details })
    throw unavailable(`${this.#path} does not answer: check its server`, { details: { errno: 'ETIMEDOUT' } })
  }

  /** When there is an answer, or never will be. */
  answered(): Promise<undefined> {
    if (this.#answers.length > 0 || this.#ended) return Promise.resolve(undefined)
    return new Promise(resolve => this.#wake.push(() => resolve(undefined)))
  }

  /** It closes what it has open and ends; one that hangs in the kernel when its file system answers. */
  leave(): void {
    this.send({ kind: 'end' })
    this.#worker.unref()
  }

  async #inTime(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise(resolve => {
      timer = setTimeout(resolve, this.#patience)
    })
    await Promise.race([this.answered(), late])
    clearTimeout(timer)
  }

  #awake(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** The side of the thread. */
async function work(port: MessagePort, job: Job): Promise<void> {
  const say = (message: FromThread) => port.postMessage(message)
  const files = new HostRootedFiles()
  try {
    if (job.method === 'archive') await archive(port, say, files, job)
    else if (job.method === 'extract') await extract(port, say, files, job)
    else {
      const method = files[job.method] as (...args: unknown[]) => Promise<unknown>
      say({ kind: 'done', value: await method.call(files, job.root, job.path, ...job.rest) })
    }
  } catch (error) {
    const { kind, details } = error instanceof BerthError ? error : { kind: 'system' as const, details: {} }
    say({ kind: 'error', error: { kind, message: messageOf(error), details: { ...details } } })
  }
}

async function archive(port: MessagePort, say: (message: FromThread) => void, files: HostRootedFiles, job: Job) {
  const stream = await files.archive(job.root, job.path, job.rest[0] as { name?: string })
  say({ kind: 'opened' })
  for await (const bytes of stream) {
    if (!(await wanted(port))) return
    say({ kind: 'chunk', bytes: bytes as Buffer })
  }
  if (await wanted(port)) say({ kind: 'done', value: undefined })
}

async function wanted(port: MessagePort): Promise<boolean> {
  const [message] = (await once(port, 'message')) as [ToThread]
  return message.kind === 'want'
}

async function extract(port: MessagePort, say: (message: FromThread) => void, files: HostRootedFiles, job: Job) {
  const tar = new PassThrough()
  port.on('message', (message: ToThread) => {
    if (message.kind !== 'chunk') return tar.end()
    tar.write(message.bytes, () => say({ kind: 'want' }))
  })
  say({ kind: 'want' })
  await files.extract(job.root, job.path, tar, job.rest[0] as { noOverwriteDirNonDir?: boolean })
  port.removeAllListeners('message')
  say({ kind: 'done', value: undefined })
}

const job = (workerData as { berthRooted?: Job } | null)?.berthRooted
if (parentPort && job) void work(parentPort, job).finally(() => parentPort?.close())
