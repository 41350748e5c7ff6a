import { invalid } from '#lib/errors.ts'
import type { ProcessRow } from '#ports/processes.ts'

/** What `ps -ef` prints, from rows. */
export function fullFormat(rows: ProcessRow[], now: number): { titles: string[]; rows: string[][] } {
  return {
    titles: ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'],
    rows: rows.map(row => {
      const age = Math.max(1, now / 1000 - row.startedAt)
      const load = Math.min(99, Math.floor((row.cpuSeconds / age) * 100))
      const { user, pid, ppid, startedAt, tty, cpuSeconds, command } = row
      return [user, `${pid}`, `${ppid}`, `${load}`, startText(startedAt, now), tty, cpuText(cpuSeconds), command]
    }),
  }
}

/**
 * Keeps the header and the lines of `pids` of what `ps` printed, as Docker's `top` does: as many columns as the header
 * has, the last of which takes the rest of the line; a thread's line (`-` for pid) follows that of its process.
 *
 * @throws invalid when there is no PID column
 */
export function selectPids(output: string, pids: number[]): { titles: string[]; rows: string[][] } {
  const [header = '', ...lines] = output.split('\n')
  const titles = fields(header)
  const column = titles.indexOf('PID')
  if (column < 0) throw invalid("couldn't find PID field in ps output: let its arguments print that column")
  const wanted = new Set(pids.map(String))
  const rows: string[][] = []
  let inside = false
  for (const line of lines) {
    const values = fields(line)
    if (values.length === 0) continue
    const pid = values[column] ?? ''
    if (pid === '-' ? !inside : !wanted.has(pid)) {
      inside = false
      continue
    }
    inside = true
    const last = titles.length - 1
    rows.push(values.length > titles.length ? [...values.slice(0, last), values.slice(last).join(' ')] : values)
  }
  return { titles, rows }
}

function fields(line: string): string[] {
  return line.split(/\s+/).filter(Boolean)
}

/** `HH:MM` of today, else `MonDD`. */
function startText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000)
  if (now - date.getTime() < 24 * 3600 * 1000) return date.toTimeString().slice(0, 5)
  return date.toDateString().slice(4, 10).replace(' ', '')
}

function cpuText(seconds: number): string {
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`
}
