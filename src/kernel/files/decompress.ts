import { spawn } from 'node:child_process'
import { PassThrough, Readable, pipeline } from 'node:stream'
import type { Duplex } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { system } from '#lib/errors.ts'

const CHUNK = 256 * 1024

/** Formats by their first bytes. */
const MAGICS: { bytes: number[]; open: () => Duplex | string }[] = [
  { bytes: [0x1f, 0x8b], open: () => createGunzip({ chunkSize: CHUNK }) },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], open: () => createZstdDecompress({ chunkSize: CHUNK }) },
  { bytes: [0x42, 0x5a, 0x68], open: () => 'bzip2' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], open: () => 'xz' },
]
const MAGIC_MAX = 5

/**
 * The stream itself, or what it decompresses to: gzip and zstd in Node's thread pool, bzip2 and xz (which Node does
 * not have) by the programs of that name. Errors of the source come out of the result.
 */
export async function decompressed(source: Readable): Promise<Readable> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let head = Buffer.alloc(0)
  while (head.length < MAGIC_MAX) {
    const next = await iterator.next()
    if (next.done) break
    head = Buffer.concat([head, next.value])
  }
  const whole = Readable.from(rejoined(head, iterator), { objectMode: false, highWaterMark: CHUNK })
  const format = MAGICS.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte))?.open()
  if (!format) return whole
  if (typeof format === 'string') return throughProgram(whole, format)
  // The callback keeps pipeline from throwing; the error reaches the reader through destroy.
  return pipeline(whole, format, () => {})
}

async function* rejoined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void> {
  let finished = false
  try {
    if (head.length > 0) yield head
    for (;;) {
      const next = await rest.next()
      finished = next.done === true
      if (next.done) return
      yield next.value
    }
  } finally {
    if (!finished) await rest.return?.()
  }
}

function throughProgram(source: Readable, program: string): Readable {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const output = new PassThrough()
  let words = ''
  child.stderr.on('data', chunk => (words += String(chunk)))
  child.on('error', cause => output.destroy(system(`unpacking ${program} needs the program ${program}`, { cause })))
  child.on('close', code => {
    if (code === 0) output.end()
    else output.destroy(system(`${program} could not unpack the archive: ${words.trim()}`))
  })
  output.on('close', () => child.kill('SIGKILL'))
  pipeline(source, child.stdin, error => {
    if (error && error.code !== 'EPIPE') output.destroy(error)
  })
  child.stdout.pipe(output, { end: false })
  return output
}
