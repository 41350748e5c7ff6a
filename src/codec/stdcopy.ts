/** The framing of attach, exec and logs without a terminal (API: `POST /containers/{id}/attach`, stream format). */
export type StdStream = 'stdin' | 'stdout' | 'stderr'

const NUMBER: Readonly<Record<StdStream, number>> = { stdin: 0, stdout: 1, stderr: 2 }
const HEADER = 8

/** Header (stream, three zeros, big-endian length) and payload in one buffer. */
export function frame(stream: StdStream, data: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(HEADER + data.length)
  framed.writeUInt32BE(NUMBER[stream] << 24, 0)
  framed.writeUInt32BE(data.length, 4)
  data.copy(framed, HEADER)
  return framed
}
