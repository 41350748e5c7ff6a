import type { Processes, ProcessRow } from '../processes.ts'

/** A process table that the test fills; the start time of a process is its pid as text unless given. */
export class FakeProcesses implements Processes {
  readonly table = new Map<number, Partial<ProcessRow> & { startTime?: string }>()

  startTime(pid: number): string | undefined {
    const entry = this.table.get(pid)
    return entry && (entry.startTime ?? String(pid))
  }

  isAlive(pid: number, startTime: string): boolean {
    return this.startTime(pid) === startTime
  }

  rows(pids: number[]): ProcessRow[] {
    return pids.filter(pid => this.table.has(pid)).map(pid => ({ ...blank(pid), ...this.table.get(pid) }))
  }

  async ps(pids: number[]): Promise<{ titles: string[]; rows: string[][] }> {
    return { titles: ['PID', 'CMD'], rows: this.rows(pids).map(row => [String(row.pid), row.command]) }
  }
}

function blank(pid: number): ProcessRow {
  return {
    pid,
    ppid: 1,
    uid: 0,
    user: 'root',
    cpuSeconds: 0,
    startedAt: 0,
    tty: '?',
    command: 'fake',
    state: 'S',
    rssBytes: 0,
    vszBytes: 0,
  }
}
