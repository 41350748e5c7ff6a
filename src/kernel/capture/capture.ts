import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import { invalid, notFound, system } from '#lib/errors.ts'
import type { CaptureRequest, PacketCapture } from '#ports/capture.ts'
import type { NetworkNamespaces } from '#kernel/sandboxes/enter.ts'
import { Leftovers } from './leftovers.ts'

type Child = ChildProcessByStdio<null, Readable, Readable>

/**
 * tcpdump(8) of the host in somebody else's network namespace. Nothing of the container's file system is used: only the
 * namespace of the network is entered. When this process is killed, tcpdump ends at the next
 * packet, which it cannot hand on, or when the next daemon begins.
 */
export class TcpdumpCapture implements PacketCapture {
  readonly #namespaces: NetworkNamespaces
  readonly #program: string
  readonly #leftovers: Leftovers

  /** @param directory where it notes what runs */
  constructor(namespaces: NetworkNamespaces, directory: string, program = 'tcpdump') {
    this.#namespaces = namespaces
    this.#program = program
    this.#leftovers = new Leftovers(directory)
    this.#leftovers.sweep()
  }

  start(request: CaptureRequest): Promise<Readable> {
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
    // The child is forked from this thread, in the namespace that it is in now.
    const child = this.#namespaces.enter(request.sandbox, () =>
      spawn(this.#program, arguments_(request), { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: '/' }),
    )
    const { pid } = child
    if (pid !== undefined) {
      this.#leftovers.note(pid)
      child.once('exit', () => this.#leftovers.forget(pid))
    }
    return begun(child, request.signal)
  }
}

function arguments_({ filter, interface: device, snaplen, count, format }: CaptureRequest): string[] {
  return [
    '-n',
    '--immediate-mode',
    ...['-i', device],
    ...(format === 'pcap' ? ['-U', '-w', '-'] : ['-l']),
    ...(snaplen > 0 ? ['-s', String(snaplen)] : []),
    ...(count > 0 ? ['-c', String(count)] : []),
    // A filter that begins with a dash is a filter all the same.
    '--',
    ...(filter === '' ? [] : [filter]),
  ]
}

/** Waits for what tcpdump says when it has opened the device and compiled the filter. */
function begun(child: Child, signal: AbortSignal): Promise<Readable> {
  return new Promise((resolve, reject) => {
    let words = ''
    let started = false
    const stop = () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    }
    child.stdout.once('close', stop)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (started) return
      words += text
      if (!/\blistening on /.test(words)) return
      started = true
      resolve(child.stdout)
    })
    child.once('error', error => {
      const missing = 'code' in error && error.code === 'ENOENT'
      reject(
        missing
          ? notFound('tcpdump is not installed on the host: install the package tcpdump (`berth setup`)')
          : system('tcpdump cannot be started', { cause: error }),
      )
    })
    child.once('close', code => {
      signal.removeEventListener('abort', stop)
      if (!started) reject(invalid(complaint(words) || `tcpdump ended with exit code ${code ?? 'none'}`))
    })
  })
}

/** `tcpdump: can't parse filter expression: syntax error`, without warnings. */
function complaint(words: string): string {
  const lines = words.split('\n').filter(line => line !== '' && !/warning|data link type/i.test(line))
  return (lines.at(-1) ?? '').replace(/^\S*tcpdump: /, 'capture: ')
}
