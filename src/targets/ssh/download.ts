import { Readable } from 'node:stream'
import { invalid, system, unavailable } from '#lib/errors.ts'
import type { Patience } from '../patience.ts'
import { readScript } from './scripts.ts'
import { Session, type Way } from './session.ts'
import { isBroken } from './words.ts'

/** Reads a file at the far end from a byte on, over as many connections as it takes. @throws when the first one fails */
export async function download(
  way: Way,
  file: string,
  object: string,
  offset: number,
  patience: Patience,
): Promise<Readable> {
  const closed = new AbortController()
  const signal = patience.signal ? AbortSignal.any([closed.signal, patience.signal]) : closed.signal
  const begin = async (at: number) => {
    const session = new Session(way, readScript(way.place, file, at), object, signal)
    session.stdin.end()
    try {
      return { session, ...(await firstLine(session)) }
    } catch (error) {
      session.kill()
      throw error
    }
  }
  const first = await begin(offset)
  if (offset > first.size) {
    first.session.kill()
    throw invalid(`${object} on ${way.host} has ${first.size} bytes: cannot start at ${offset}`)
  }

  async function* pieces(): AsyncGenerator<Buffer> {
    let at = offset
    let next: Awaited<ReturnType<typeof begin>> | undefined = first
    for (;;) {
      try {
        const { session, size, rest } = next ?? (await begin(at))
        next = undefined
        if (size !== first.size) throw system(`${object} on ${way.host} changed while it was read`)
        try {
          for (let piece: Buffer | null = rest; piece; piece = await readSome(session)) {
            if (piece.length === 0) continue
            patience.progressed()
            at += piece.length
            yield piece
          }
          const failure = await session.failure()
          if (failure) throw failure
        } finally {
          session.kill()
        }
        if (at === first.size) return
        throw unavailable(`the connection to ${way.host} broke`)
      } catch (error) {
        signal.throwIfAborted()
        if (!isBroken(error)) throw error
        await patience.after(error)
      }
    }
  }
  const stream = Readable.from(pieces(), { objectMode: false, highWaterMark: 1024 * 1024 })
  // Ends the program there also when nobody is waiting for it.
  stream.once('close', () => closed.abort(unavailable('closed')))
  return stream
}

/** Up to the end of the line that tells the size; what came with it belongs to the content. */
async function firstLine(session: Session): Promise<{ size: number; rest: Buffer }> {
  let head = Buffer.alloc(0)
  for (;;) {
    const piece = await readSome(session)
    if (!piece) throw await session.broken()
    head = Buffer.concat([head, piece])
    const end = head.indexOf('\n')
    if (end < 0 && head.length < 1024) continue
    const size = /^size (\d+)$/.exec(head.subarray(0, Math.max(end, 0)).toString('latin1'))?.[1]
    if (size === undefined) throw system(`unexpected answer of the other side: ${head.subarray(0, 80).toString()}`)
    return { size: Number(size), rest: head.subarray(end + 1) }
  }
}

/** null at the end. */
function readSome({ stdout }: Session): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const clear = () => {
      stdout.off('readable', look)
      stdout.off('end', end)
      stdout.off('close', end)
      stdout.off('error', fail)
    }
    const end = () => {
      clear()
      resolve(null)
    }
    const fail = (error: Error) => {
      clear()
      reject(error)
    }
    const look = () => {
      const piece = stdout.read() as Buffer | null
      if (piece === null) return
      clear()
      resolve(piece)
    }
    const now = stdout.read() as Buffer | null
    if (now !== null) return resolve(now)
    if (stdout.readableEnded || stdout.destroyed) return resolve(null)
    stdout.on('readable', look)
    stdout.once('end', end)
    stdout.once('close', end)
    stdout.once('error', fail)
  })
}
