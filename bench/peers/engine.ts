import type { ChildProcess } from 'node:child_process'

/** An engine that the benchmarks drive through the same `docker` client. */
export interface Engine {
  name: string
  version: string
  socket: string
  /** Pid of the daemon, for its memory. */
  pid: number
  stop(): Promise<void>
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await gone
}
