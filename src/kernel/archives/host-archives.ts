import { Readable } from 'node:stream'
import { BerthError } from '#lib/errors.ts'
import type { BackupSummary } from '#model/backup.ts'
import type { Archives, Packing, PackRequest, UnpackRequest } from '#ports/archives.ts'
import { WINDOW } from './protocol.ts'
import { Workers } from './workers.ts'
import type { Running } from './workers.ts'

/** Milliseconds between reports of progress. */
const REPORT = 200
/** Bytes handed to the worker at once. */
const CHUNK = 1 << 20

/** Archives on worker threads: this side only passes bytes on. */
export class HostArchives implements Archives {
  readonly #workers = new Workers()

  pack(request: PackRequest): Packing {
    const { header, paths, format, level, base } = request
    const waiting: Buffer[] = []
    let wanted = false
    let ended = false
    const running = this.#workers.run<BackupSummary>({ kind: 'pack', header, paths, format, level, base }, message => {
      if (message.kind !== 'chunk') return
      waiting.push(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength))
      feed()
    })
    const feed = () => {
      while (wanted && waiting.length > 0) {
        const bytes = waiting.shift()!
        running.send({ kind: 'taken', bytes: bytes.length })
        wanted = stream.push(bytes)
      }
      if (wanted && ended && waiting.length === 0) {
        wanted = false
        stream.push(null)
      }
    }
    const stream = new Readable({
      highWaterMark: CHUNK,
      read: () => {
        wanted = true
        feed()
      },
      destroy: (error, done) => {
        waiting.length = 0
        if (ended) return done(error)
        running.abort()
        // The descriptors are closed when the worker has come to its end.
        void running.result.catch(() => {}).then(() => done(error))
      },
    })
    const done = new Promise<BackupSummary>((resolve, reject) => {
      running.result.then(
        summary => {
          ended = true
          stream.once('end', () => resolve(summary))
          stream.once('close', () => reject(new BerthError('cancelled', 'the archive was not read to its end')))
          feed()
        },
        (error: Error) => {
          ended = true
          reject(error)
          stream.destroy(error)
        },
      )
    })
    done.catch(() => {})
    return { stream, progress: () => running.progress(), done }
  }

  async unpack(input: Readable, request: UnpackRequest): Promise<BackupSummary> {
    let untaken = 0
    let wake: (() => void) | undefined
    const running: Running<BackupSummary> = this.#workers.run(
      { kind: 'unpack', foreign: request.foreign, durable: request.durable === true },
      message => {
        if (message.kind === 'taken') {
          untaken -= message.bytes
          wake?.()
        } else if (message.kind === 'header') {
          request.place(message.header).then(
            paths => running.send({ kind: 'places', paths }),
            (error: unknown) => fail(error),
          )
        }
      },
    )
    let failure: unknown
    const fail = (error: unknown) => {
      failure ??= error
      running.abort()
      wake?.()
    }
    let over = false
    const result = running.result.finally(() => {
      over = true
      wake?.()
      // It may be long until more comes, or for ever.
      input.destroy()
    })
    result.catch(() => {})
    const reports = reporting(running, request.onProgress)
    try {
      for await (const piece of gathered(input)) {
        if (over || failure !== undefined) break
        untaken += piece.length
        running.send({ kind: 'chunk', bytes: piece }, [piece.buffer as ArrayBuffer])
        while (untaken > WINDOW && !over && failure === undefined) await new Promise<void>(resolve => (wake = resolve))
      }
      running.send({ kind: 'end' })
    } catch (error) {
      if (!over) fail(error)
    }
    try {
      return await result
    } catch (error) {
      throw failure ?? error
    } finally {
      reports()
    }
  }

  async digest(path: string, onProgress?: (progress: { files: number; bytes: number }) => void): Promise<string> {
    const running = this.#workers.run<string>({ kind: 'digest', path })
    const stop = reporting(running, onProgress)
    try {
      return await running.result
    } finally {
      stop()
    }
  }

  /** Ends the threads that are kept for the next archive. */
  close(): void {
    this.#workers.close()
  }
}

/** @returns ends the reports, with a last one */
function reporting(
  running: Running<unknown>,
  onProgress: ((progress: { files: number; bytes: number }) => void) | undefined,
): () => void {
  if (!onProgress) return () => {}
  const timer = setInterval(() => onProgress(running.progress()), REPORT)
  return () => {
    clearInterval(timer)
    onProgress(running.progress())
  }
}

/** Copies in memory of their own, which can be handed over: the source's may be part of a pool, or somebody else's too. */
async function* gathered(input: Readable): AsyncGenerator<Uint8Array, void> {
  let buffer = new Uint8Array(CHUNK)
  let fill = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + CHUNK - fill)
      buffer.set(part, fill)
      fill += part.length
      at += part.length
      if (fill < CHUNK) continue
      yield buffer
      buffer = new Uint8Array(CHUNK)
      fill = 0
    }
    // More may be long in coming.
    if (fill === 0 || input.readableLength > 0) continue
    yield buffer.slice(0, fill)
    fill = 0
  }
  if (fill > 0) yield buffer.slice(0, fill)
}
