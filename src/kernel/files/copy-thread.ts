import { parentPort, Worker, workerData } from 'node:worker_threads'
import { BerthError, messageOf, system } from '#lib/errors.ts'
import type { CopiedTree, CopyOptions } from '#ports/files.ts'
import { Copy, copyTree } from './copy-tree.ts'

interface Job {
  berthCopy: { from: string; to: string }
}

type Message = { files: number; bytes: number } | { done: CopiedTree } | { error: string; errno: unknown }

/** Milliseconds between two reports. */
const REPORT = 200

/** `copyTree` on a thread of its own, which is this module again. */
export function copyBeside(from: string, to: string, options: CopyOptions): Promise<CopiedTree> {
  const { onProgress, signal } = options
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const job: Job = { berthCopy: { from, to } }
    const worker = new Worker(new URL(import.meta.url), { name: 'copy', workerData: job, execArgv: [] })
    const stop = () => void worker.terminate()
    signal?.addEventListener('abort', stop, { once: true })
    worker.on('message', (message: Message) => {
      if ('done' in message) resolve(message.done)
      else if ('error' in message) reject(system(message.error, { details: { errno: message.errno } }))
      else onProgress?.(message)
    })
    worker.on('error', reject)
    worker.on('exit', () => {
      signal?.removeEventListener('abort', stop)
      reject(signal?.aborted ? (signal.reason as Error) : system('the copying thread ended'))
    })
  })
}

async function work(port: NonNullable<typeof parentPort>, { from, to }: Job['berthCopy']): Promise<void> {
  const copy = new Copy()
  const report = setInterval(() => port.postMessage({ files: copy.files, bytes: copy.bytes }), REPORT)
  try {
    port.postMessage({ done: await copyTree(from, to, copy) })
  } catch (error) {
    const errno = error instanceof BerthError ? error.details.errno : (error as NodeJS.ErrnoException).code
    port.postMessage({ error: messageOf(error), errno })
  } finally {
    clearInterval(report)
  }
}

const job = parentPort && (workerData as Job | null)?.berthCopy
if (parentPort && job) void work(parentPort, job)
