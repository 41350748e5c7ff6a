import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { commandOf, environmentOf, type Tool } from './tools.ts'
import type { TestDaemon } from './daemon.ts'

/**
 * Joins our stdio to a program on a terminal of its own. Commands come on fd 3, a line each: `ROWS COLUMNS` resizes.
 * At the end of the program its exit code is ours.
 */
const BRIDGE = `
import fcntl, os, pty, select, struct, sys, termios
def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    size(0, 24, 80)
    os.close(3)
    os.execvp(sys.argv[1], sys.argv[1:])
sources = [0, fd, 3]
while True:
    ready, _, _ = select.select(sources, [], [])
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b''
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 65536)
        if data:
            os.write(fd, data)
        else:
            sources.remove(0)
    if 3 in ready:
        data = os.read(3, 256)
        if data:
            for line in data.decode().split('\\n'):
                if line:
                    size(fd, *map(int, line.split()))
        else:
            sources.remove(3)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`

/** A command line on a terminal that is 80 columns wide and 24 rows high to begin with. */
export class Terminal {
  readonly #process: ChildProcess
  /** All output so far. */
  text = ''
  #seen = 0
  readonly #closed: Promise<number>
  #changed: (() => void) | undefined

  constructor(daemon: TestDaemon, tool: Tool, args: string[]) {
    const command = [...commandOf(tool), ...args]
    this.#process = spawn('python3', ['-c', BRIDGE, ...command], {
      env: { ...environmentOf(daemon), TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    })
    this.#process.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk
      this.#changed?.()
    })
    this.#process.stdin!.on('error', () => {})
    this.#closed = once(this.#process, 'close').then(([code]) => {
      this.#changed?.()
      return code as number
    })
  }

  type(text: string): void {
    this.#process.stdin!.write(text)
  }

  resize(rows: number, columns: number): void {
    ;(this.#process.stdio[3] as NodeJS.WritableStream).write(`${rows} ${columns}\n`)
  }

  /** Waits for output that no earlier call has returned. @returns the match. @throws with all output after 10 s */
  async see(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + 10_000
    for (;;) {
      const match = pattern.exec(this.text.slice(this.#seen))
      if (match) {
        this.#seen += match.index + match[0].length
        return match
      }
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`${pattern} did not appear in:\n${this.text}`)
      const timer = Promise.withResolvers<void>()
      const handle = setTimeout(timer.resolve, left)
      await Promise.race([new Promise<void>(resolve => (this.#changed = resolve)), timer.promise])
      clearTimeout(handle)
    }
  }

  /** Waits for its end. @returns the exit code. @throws after 10 s, and ends it */
  async ended(): Promise<number> {
    const late = Promise.withResolvers<never>()
    const handle = setTimeout(() => {
      this.#process.kill('SIGKILL')
      late.reject(new Error(`still there:\n${this.text}`))
    }, 10_000)
    try {
      return await Promise.race([this.#closed, late.promise])
    } finally {
      clearTimeout(handle)
    }
  }
}
