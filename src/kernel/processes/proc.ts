import { readFileSync } from 'node:fs'

/** Fields of /proc/PID/stat after the command, by their number in proc_pid_stat(5); undefined when it has gone. */
export function statFields(pid: number): { command: string; field: (number: number) => string } | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The command stands in parentheses and may itself hold spaces and parentheses.
  const end = text.lastIndexOf(')')
  const rest = text
    .slice(end + 2)
    .trimEnd()
    .split(' ')
  return { command: text.slice(text.indexOf('(') + 1, end), field: number => rest[number - 3] ?? '' }
}

/** Clock ticks since boot at which the process started; with the pid it names a process for good. */
export function startTime(pid: number): string | undefined {
  return statFields(pid)?.field(22)
}

/** Whether that very process lives; a zombie does not. */
export function isAlive(pid: number, started: string): boolean {
  const stat = statFields(pid)
  return stat !== undefined && stat.field(22) === started && stat.field(3) !== 'Z' && stat.field(3) !== 'X'
}
