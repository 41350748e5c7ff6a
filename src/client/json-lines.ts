import type { Readable } from 'node:stream'

/** Decodes a stream of JSON values, one a line (progress, events, stats). An unfinished last line is decoded too. */
export async function* jsonLines<T>(stream: Readable): AsyncGenerator<T> {
  for await (const line of textLines(stream)) yield JSON.parse(line) as T
}

/** Lines that hold something. */
export async function* textLines(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}
