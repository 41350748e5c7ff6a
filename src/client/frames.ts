import type { Readable, Writable } from 'node:stream'
import { BerthError } from '#lib/errors.ts'

export type OutputName = 'stdout' | 'stderr'
export interface Frame {
  stream: OutputName
  data: Buffer
}

const HEADER = 8
const STDERR = 2
const SYSTEM_ERROR = 3

/**
 * Splits Docker's multiplexed output: frames of 8 header bytes (stream, 0, 0, 0, big-endian length) and a payload.
 * Payloads are passed on as they arrive, so that a large frame is never held whole.
 * @throws system with the daemon's text for a frame of stream 3
 */
export async function* frames(source: Readable): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0)
  let stream = 0
  let left = 0
  let complaint = ''
  for await (const chunk of source) {
    pending = pending.length === 0 ? (chunk as Buffer) : Buffer.concat([pending, chunk as Buffer])
    while (pending.length > 0) {
      if (left === 0) {
        if (pending.length < HEADER) break
        stream = pending[0]!
        left = pending.readUInt32BE(4)
        pending = pending.subarray(HEADER)
        continue
      }
      const data = pending.subarray(0, left)
      pending = pending.subarray(data.length)
      left -= data.length
      if (stream === SYSTEM_ERROR) complaint += data.toString()
      else yield { stream: stream === STDERR ? 'stderr' : 'stdout', data }
    }
    if (complaint !== '' && left === 0) throw new BerthError('system', `error from daemon in stream: ${complaint}`)
  }
}

/** Everything as stdout, for containers with a terminal. */
export async function* rawFrames(source: Readable): AsyncGenerator<Frame> {
  for await (const chunk of source) yield { stream: 'stdout', data: chunk as Buffer }
}

/**
 * Writes output to its destinations at their pace; resolves at the end of the source. A destination that closed
 * (EPIPE) is skipped.
 */
export async function writeFrames(
  source: AsyncIterable<Frame>,
  sinks: { stdout?: Writable; stderr?: Writable },
): Promise<void> {
  for await (const { stream, data } of source) {
    const sink = sinks[stream]
    if (!sink || sink.destroyed || sink.writableEnded) continue
    if (!sink.write(data)) await drained(sink)
  }
}

function drained(sink: Writable): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      sink.off('drain', done)
      sink.off('close', done)
      sink.off('error', done)
      resolve()
    }
    sink.once('drain', done)
    sink.once('close', done)
    sink.once('error', done)
  })
}
