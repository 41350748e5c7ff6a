export interface ProcessRow {
  pid: number
  ppid: number
  uid: number
  user: string
  /** Seconds of CPU. */
  cpuSeconds: number
  /** Seconds since the epoch. */
  startedAt: number
  tty: string
  command: string
  state: string
  rssBytes: number
  vszBytes: number
}

/** The host's process table (/proc). */
export interface Processes {
  /** Field 22 of /proc/PID/stat; undefined when there is no such process. */
  startTime(pid: number): string | undefined
  isAlive(pid: number, startTime: string): boolean
  rows(pids: number[]): ProcessRow[]
  /** Runs `ps` with the user's own arguments and keeps the lines of `pids`, as Docker's `top` does. */
  ps(pids: number[], args: string[]): Promise<{ titles: string[]; rows: string[][] }>
}
