import { connect, type Socket } from 'node:net'
import type { TestDaemon } from './daemon.ts'

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number
  text: string
}

/** Opens a connection and writes to it; what the daemon then does with it is no error here. */
export function dial(daemon: TestDaemon, bytes: string | Buffer): Socket {
  const socket = connect({ path: daemon.socket, allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(bytes)
  return socket
}

/** Sends bytes as they are and reads until the daemon closes, or has said a whole answer. @param ms deadline */
export function speak(daemon: TestDaemon, bytes: string | Buffer, ms = 5000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = dial(daemon, bytes)
    let text = ''
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no answer within ${ms} ms, only: ${text.slice(0, 200)}`))
    }, ms)
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text })
    }
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      if (isWhole(text)) done()
    })
    socket.once('close', done)
    socket.once('end', done)
  })
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  if (/^transfer-encoding: chunked/im.test(text.slice(0, end))) return text.endsWith('\r\n0\r\n\r\n')
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1]
  return length !== undefined && text.length >= end + 4 + Number(length)
}
