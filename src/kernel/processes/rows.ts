import { readFileSync } from 'node:fs'
import type { ProcessRow } from '#ports/processes.ts'
import { statFields } from './proc.ts'

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS = 100

/** Rows of those pids that exist, in their order. */
export function readRows(pids: number[]): ProcessRow[] {
  const booted = bootTime()
  const users = userNames()
  return pids.map(pid => readRow(pid, booted, users)).filter(row => row !== undefined)
}

function readRow(pid: number, booted: number, users: ReadonlyMap<number, string>): ProcessRow | undefined {
  const stat = statFields(pid)
  const status = read(`/proc/${pid}/status`)
  if (!stat || status === '') return undefined
  const number = (field: number) => Number(stat.field(field))
  const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? 0)
  const line = read(`/proc/${pid}/cmdline`).replace(/\0+$/, '').replaceAll('\0', ' ')
  return {
    pid,
    ppid: number(4),
    uid,
    user: users.get(uid) ?? String(uid),
    cpuSeconds: (number(14) + number(15)) / TICKS,
    startedAt: booted + number(22) / TICKS,
    tty: ttyName(number(7)),
    // Kernel threads and zombies have no command line.
    command: line === '' ? `[${stat.command}]` : line,
    state: stat.field(3),
    rssBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024,
    vszBytes: number(23),
  }
}

/** From the device number of a controlling terminal, proc_pid_stat(5). */
function ttyName(device: number): string {
  if (device === 0) return '?'
  const major = (device >> 8) & 0xfff
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00)
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`
  return major === 4 ? (minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`) : '?'
}

function bootTime(): number {
  return Number(/^btime (\d+)$/m.exec(read('/proc/stat'))?.[1] ?? 0)
}

function userNames(): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  for (const line of read('/etc/passwd').split('\n')) {
    const [name, , uid] = line.split(':')
    if (name && uid && !names.has(Number(uid))) names.set(Number(uid), name)
  }
  return names
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
