import { conflict } from '#lib/errors.ts'
import { isAlive } from '#model/container-state.ts'
import type { ProcessRow } from '#ports/processes.ts'
import type { Context } from './context.ts'

const TITLES = ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']

/** `GET /containers/{id}/top`: `ps -ef` without a process for the default arguments, else the host's own ps. */
export async function top(
  ctx: Context,
  reference: string,
  psArgs: string,
): Promise<{ titles: string[]; processes: string[][] }> {
  const record = ctx.records.find(reference)
  if (!isAlive(record.state)) throw conflict(`container ${record.id} is not running`)
  const pids = ctx.cgroups.pids(ctx.runtime.cgroupPaths(record.id))
  const args = psArgs.trim()
  if (args === '' || args === '-ef') {
    const now = ctx.clock.now()
    return { titles: TITLES, processes: ctx.processes.rows(pids).map(row => efRow(row, now)) }
  }
  const { titles, rows } = await ctx.processes.ps(pids, args.split(/\s+/))
  return { titles, processes: rows }
}

function efRow(row: ProcessRow, nowMs: number): string[] {
  const age = nowMs / 1000 - row.startedAt
  const usage = age > 0 ? Math.floor((row.cpuSeconds / age) * 100) : 0
  return [
    row.user,
    String(row.pid),
    String(row.ppid),
    String(usage),
    startTime(row.startedAt, age),
    row.tty,
    clock(row.cpuSeconds),
    row.command,
  ]
}

/** Hours and minutes, or the day when it is older than one. */
function startTime(startedAt: number, age: number): string {
  const date = new Date(startedAt * 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  if (age < 86_400) return `${two(date.getHours())}:${two(date.getMinutes())}`
  return date.toLocaleDateString('en-US', { month: 'short', day: '2-digit' }).replace(' ', '')
}

function clock(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`
}
