import { frame } from '#codec/stdcopy.ts'
import type { ContainersService } from '#engine/containers/index.ts'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { DetachScanner } from './detach-keys.ts'
import type { Connection } from './hijack.ts'

export type Attachment = Awaited<ReturnType<ContainersService['attach']>>

export interface SessionOptions {
  tty: boolean
  /** No frames around the output, though it comes from no terminal. */
  unframed?: boolean
  stdin: boolean
  stdout: boolean
  stderr: boolean
  /** The client's half close ends the process's stdin; else it ends the session, as in Docker. */
  closeStdin: boolean
  /** Scanned for in stdin of a terminal. */
  detachKeys: Buffer
}

export type SessionEnd = 'ended' | 'detached' | 'hung-up'

/**
 * Joins a client's connection to a process until the process has closed its output, the client typed the detach
 * keys, or the client has gone. Both directions honour back-pressure. Closes both sides. Never rejects for
 * something that the client did.
 */
export async function runSession(
  attachment: Attachment,
  connection: Connection,
  options: SessionOptions,
): Promise<SessionEnd> {
  let end: SessionEnd = 'ended'
  const unframed = options.tty || options.unframed
  const stop = (why: SessionEnd) => {
    if (end === 'ended') end = why
    attachment.close()
  }
  const gone = () => stop('hung-up')
  if (connection.signal.aborted) gone()
  connection.signal.addEventListener('abort', gone, { once: true })
  if (options.stdin) feed(attachment.stdin, connection.input, options, stop)
  else connection.input.resume()
  try {
    for await (const { stream, data } of attachment.output) {
      if (connection.signal.aborted) break
      if (!options.tty && !options[stream]) continue
      await writeTo(connection.output, unframed ? data : frame(stream, data), connection.signal)
    }
  } finally {
    connection.signal.removeEventListener('abort', gone)
    attachment.close()
    connection.finish()
  }
  return end
}

/** Resolves when there is room again, or the other side has gone. */
export async function writeTo(output: Writable, data: Buffer, signal: AbortSignal): Promise<void> {
  if (signal.aborted || output.destroyed || output.write(data)) return
  await once(output, 'drain', { signal }).catch(() => {})
}

/** A process that has closed its stdin swallows what still comes. */
function feed(
  stdin: Attachment['stdin'],
  input: Readable,
  options: SessionOptions,
  stop: (why: SessionEnd) => void,
): void {
  const source = options.tty ? input.pipe(new DetachScanner(options.detachKeys, () => stop('detached'))) : input
  const target = stdin as Writable
  target.on('error', () => {
    source.unpipe(target)
    source.resume()
  })
  const closeStdin = options.closeStdin && !options.tty
  source.pipe(target, { end: closeStdin })
  if (!closeStdin) source.once('end', () => stop('hung-up'))
}
