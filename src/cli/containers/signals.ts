import type { Context } from '../core/context.ts'

/** What a process can be sent, without what the kernel or Node sends for its own reasons. */
const FORWARDED = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGIO',
  'SIGPWR',
  'SIGVTALRM',
  'SIGXCPU',
  'SIGXFSZ',
] as const satisfies readonly NodeJS.Signals[]

/** Sends this process's signals to the container until the returned function is called. */
export function forwardSignals(kill: (signal: string) => Promise<void>): () => void {
  const handlers = FORWARDED.map(signal => {
    const handler = () => {
      // The container may not run yet, or no more.
      kill(signal.replace(/^SIG/, '')).catch(() => {})
    }
    process.on(signal, handler)
    return () => process.off(signal, handler)
  })
  return () => {
    for (const off of handlers) off()
  }
}

/** Tells the container the terminal's size, now and at every change. */
export function followResize(context: Context, resize: (height: number, width: number) => Promise<void>): () => void {
  const send = () => {
    const { columns, rows } = context.stdout.isTTY ? context.stdout : process.stderr
    if (columns && rows) resize(rows, columns).catch(() => {})
  }
  send()
  process.on('SIGWINCH', send)
  return () => process.off('SIGWINCH', send)
}

/** Rows and columns of the terminal for a new container or exec; undefined without one. */
export function consoleSize(context: Context): [number, number] | undefined {
  const { stdout } = context
  return stdout.isTTY && stdout.rows ? [stdout.rows, stdout.columns] : undefined
}
