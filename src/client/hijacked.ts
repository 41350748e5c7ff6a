import type { Duplex, Writable } from 'node:stream'
import { frames, rawFrames, writeFrames, type Frame } from './frames.ts'
import type { HijackedSocket } from './transport.ts'

const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream'

/** The two-way stream of an attach or an exec. */
export class Hijacked {
  /** Raw bytes. Write for stdin; `socket.end()` ends stdin and leaves the output open. */
  readonly socket: Duplex
  /** True when stdout and stderr come framed (no terminal). */
  readonly multiplexed: boolean

  /** @param tty what the caller knows; used when the daemon (before 1.42) does not tell */
  constructor({ socket, contentType }: HijackedSocket, tty?: boolean) {
    this.socket = socket
    this.multiplexed = contentType === MULTIPLEXED || tty === false
  }

  /** The output, split by stream; ends when the daemon closes. */
  frames(): AsyncGenerator<Frame> {
    return this.multiplexed ? frames(this.socket) : rawFrames(this.socket)
  }

  /** Copies the output to its destinations at their pace until the daemon closes. */
  demux(sinks: { stdout?: Writable; stderr?: Writable }): Promise<void> {
    return writeFrames(this.frames(), sinks)
  }

  close(): void {
    this.socket.destroy()
  }
}
