import { HEAD_SIZE, headerIn } from '#codec/backup/index.ts'
import { through } from '#lib/streams.ts'
import type { BackupHeader } from '#model/backup.ts'
import { decrypting, isEncrypted, type DecryptionKeys } from '#targets/index.ts'
import { PassThrough, type Readable } from 'node:stream'
import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import { Archive, openArchive } from './archive.ts'

/** An archive that a restore reads. */
export interface Input {
  location: string
  /** undefined for standard input. */
  archive: Archive | undefined
  header(): Promise<BackupHeader | undefined>
  /** @throws CliError when it is a stream that has been read beyond that */
  open(offset: number): Promise<Readable>
  /** Bytes as they lie there; -1 when nobody knows. */
  size(): Promise<number>
}

/** `-`, a file or a URL. */
export async function openInput(context: Context, location: string, keys: DecryptionKeys): Promise<Input> {
  if (location === '') throw new CliError('say where from: -i FILE, -, ssh://user@host/path or s3://bucket/key')
  if (location !== '-') return inputOf(await openArchive(context, location, keys))
  if (context.stdin.isTTY)
    throw new CliError('standard input is a terminal: redirect an archive into it, or name a file')
  return standardInput(context.stdin, keys)
}

export function inputOf(archive: Archive): Input {
  return {
    location: archive.location,
    archive,
    header: () => archive.header(),
    open: offset => archive.open(offset),
    size: () => archive.size(),
  }
}

async function standardInput(stdin: Readable, keys: DecryptionKeys): Promise<Input> {
  const raw = await peek(stdin)
  const plain = isEncrypted(raw.head) ? await peek(through(raw.stream, await decrypting(keys))) : raw
  let taken = false
  return {
    location: 'standard input',
    archive: undefined,
    header: async () => headerIn(plain.head),
    async open() {
      if (taken) throw new CliError('standard input cannot be read again: begin anew, from a file')
      taken = true
      return plain.stream
    },
    size: async () => -1,
  }
}

/** The first bytes of a stream, and all of it. */
async function peek(source: Readable): Promise<{ head: Buffer; stream: Readable }> {
  const chunks: Buffer[] = []
  let have = 0
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    have += chunk.length
    if (have >= HEAD_SIZE) break
  }
  const head = Buffer.concat(chunks)
  const stream = new PassThrough()
  stream.write(head)
  if (source.readableEnded) stream.end()
  else through(source, stream)
  return { head: head.subarray(0, HEAD_SIZE), stream }
}
