import { Socket, type SocketConstructorOpts } from 'node:net'

interface PipeHandle {
  open(fd: number): number
}
interface PipeWrap {
  Pipe: new (type: number) => PipeHandle
  constants: { SOCKET: number }
}

/**
 * Node sockets around a descriptor of a kind that `new net.Socket({ fd })` refuses (SOCK_SEQPACKET). libuv's pipe handle
 * reads and writes it well: each read(2) yields one message, each write(2) makes one. Its class is reachable only through
 * `process.binding`, whose deprecation (DEP0111) is held back for the one look-up.
 *
 * The descriptor belongs to the socket afterwards.
 */
function wrap(fd: number, options: Record<string, unknown>): Socket {
  const { Pipe, constants } = pipeWrap()
  const handle = new Pipe(constants.SOCKET)
  const error = handle.open(fd)
  if (error < 0) throw new Error(`libuv refuses descriptor ${fd}: ${error}`)
  return new Socket({ handle, allowHalfOpen: true, ...options } as unknown as SocketConstructorOpts)
}

/** @param onMessage called with each message, valid during the call; returning false pauses until `resume()` */
export function wrapReader(fd: number, buffer: Uint8Array, onMessage: (message: Uint8Array) => boolean): Socket {
  const callback = (length: number) => onMessage(buffer.subarray(0, length))
  const reader = wrap(fd, { readable: true, writable: false, onread: { buffer, callback } })
  reader.resume()
  return reader
}

export function wrapWriter(fd: number): Socket {
  return wrap(fd, { readable: false, writable: true })
}

function pipeWrap(): PipeWrap {
  const host = process as unknown as { binding: (name: string) => PipeWrap; noDeprecation?: boolean }
  const before = host.noDeprecation
  host.noDeprecation = true
  try {
    return host.binding('pipe_wrap')
  } finally {
    host.noDeprecation = before
  }
}
