import { parentPort, Worker, workerData } from 'node:worker_threads'
import { BerthError, messageOf, system } from '#lib/errors.ts'
import * as libc from '../ffi/libc.ts'

/** mount(2) or umount2(2). */
export type MountCall =
  | { call: 'mount'; source: string; target: string; type: string; flags: number; data: string | undefined }
  | { call: 'unmount'; target: string; flags: number }

type Result = { errno: ''; message: '' } | { errno: string; message: string }

/**
 * Runs a call that may wait for a file server on a thread of its own: those of Node's pool are few, and needed by
 * everybody. The promise stays open for as long as the kernel does not answer, which may be for ever.
 *
 * @throws system with `details.errno`
 */
export function onThread(call: MountCall): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { name: call.call, workerData: { berthMount: call }, execArgv: [] }
    const worker = new Worker(new URL(import.meta.url), options)
    worker.on('message', ({ errno, message }: Result) => {
      if (errno === '') resolve()
      else reject(system(message, { details: { errno } }))
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(system(`the thread for ${call.call} of ${call.target} ended`)))
  })
}

function run(call: MountCall): Result {
  try {
    if (call.call === 'mount') libc.mount(call.source, call.target, call.type, call.flags, call.data)
    else libc.umount2(call.target, call.flags)
    return { errno: '', message: '' }
  } catch (error) {
    const errno = error instanceof BerthError ? String(error.details.errno) : 'EIO'
    return { errno, message: messageOf(error) }
  }
}

const call = (workerData as { berthMount?: MountCall } | null)?.berthMount
if (parentPort && call) parentPort.postMessage(run(call), [])
