import { parentPort } from 'node:worker_threads'
import { BerthError, kindOf, messageOf } from '#lib/errors.ts'
import type { BackupHeader } from '#model/backup.ts'
import { digestTree } from './digest.ts'
import { pack } from './pack.ts'
import { WINDOW } from './protocol.ts'
import type { FromWorker, Job, Shared, ToWorker } from './protocol.ts'
import { ownUmask } from './sys.ts'
import { unpack } from './unpack.ts'

/** The thread that archives are made and unpacked on: one job after the other. */
class Work {
  readonly #port: NonNullable<typeof parentPort>
  readonly #aborted: Int32Array
  readonly #progress: Float64Array
  readonly #incoming: Buffer[] = []
  #ended = false
  #places: (string | undefined)[] | undefined
  #untaken = 0
  /** Goes on when something has come. */
  #wake: (() => void) | undefined

  constructor(port: NonNullable<typeof parentPort>, shared: Shared) {
    this.#port = port
    this.#aborted = new Int32Array(shared.aborted)
    this.#progress = new Float64Array(shared.progress)
  }

  /** @returns the promise's value is the answer of the job */
  run(job: Job): Promise<unknown> {
    const check = () => this.#check()
    const progress = (files: number, bytes: number, stored = 0) => {
      this.#progress[0] = files
      this.#progress[1] = bytes
      this.#progress[2] = stored
    }
    switch (job.kind) {
      case 'pack':
        return pack(job, { post: bytes => this.#post(bytes), progress, check })
      case 'unpack':
        return unpack(job, { source: this.#source(), place: header => this.#place(header), progress, check })
      case 'digest':
        return digestTree(job.path, { progress, check })
    }
  }

  receive(message: ToWorker): void {
    if (message.kind === 'chunk')
      this.#incoming.push(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength))
    else if (message.kind === 'end') this.#ended = true
    else if (message.kind === 'places') this.#places = message.paths
    else if (message.kind === 'taken') this.#untaken -= message.bytes
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #check(): void {
    if (Atomics.load(this.#aborted, 0) !== 0) throw new BerthError('cancelled', 'the work on the archive was given up')
  }

  async #until(ready: () => boolean): Promise<void> {
    while (!ready()) {
      this.#check()
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    this.#check()
  }

  #post(bytes: Buffer): Promise<void> | undefined {
    this.#untaken += bytes.length
    // Small ones may lie in Node's pool, which cannot be handed over.
    const own = bytes.length < 64 * 1024 ? new Uint8Array(bytes) : bytes
    send(this.#port, { kind: 'chunk', bytes: own }, [own.buffer as ArrayBuffer])
    return this.#untaken > WINDOW ? this.#until(() => this.#untaken <= WINDOW) : undefined
  }

  async *#source(): AsyncGenerator<Buffer, void> {
    for (;;) {
      await this.#until(() => this.#incoming.length > 0 || this.#ended)
      const chunk = this.#incoming.shift()
      if (!chunk) return
      send(this.#port, { kind: 'taken', bytes: chunk.length })
      yield chunk
    }
  }

  async #place(header: BackupHeader | undefined): Promise<(string | undefined)[]> {
    send(this.#port, { kind: 'header', header })
    await this.#until(() => this.#places !== undefined)
    return this.#places!
  }
}

function send(port: NonNullable<typeof parentPort>, message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

function serve(port: NonNullable<typeof parentPort>): void {
  ownUmask()
  let work: Work | undefined
  port.on('message', (message: ToWorker) => {
    if (message.kind !== 'job') return work?.receive(message)
    work = new Work(port, message.shared)
    work.run(message.job).then(
      result => send(port, { kind: 'done', result }),
      (error: unknown) => {
        const details = error instanceof BerthError ? error.details : {}
        const failed = { kind: kindOf(error), message: messageOf(error), details }
        send(port, { kind: 'failed', error: failed })
      },
    )
  })
}

if (parentPort) serve(parentPort)
