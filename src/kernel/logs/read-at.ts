import { read } from 'node:fs'

/** pread(2) off the main thread; @returns bytes read, 0 at the end of the file */
export function readAt(fd: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, length) => (error ? reject(error) : resolve(length)))
  })
}
