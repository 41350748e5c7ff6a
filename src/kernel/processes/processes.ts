import { execFile } from 'node:child_process'
import { BerthError, invalid } from '#lib/errors.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import type { Processes, ProcessRow } from '#ports/processes.ts'
import { isAlive, startTime } from './proc.ts'
import { fullFormat, selectPids } from './ps.ts'
import { readRows } from './rows.ts'

/** Milliseconds. */
const PATIENCE = 10_000

export class KernelProcesses implements Processes {
  startTime(pid: number): string | undefined {
    return startTime(pid)
  }

  isAlive(pid: number, started: string): boolean {
    return isAlive(pid, started)
  }

  rows(pids: number[]): ProcessRow[] {
    return readRows(pids)
  }

  async ps(pids: number[], args: string[]): Promise<{ titles: string[]; rows: string[][] }> {
    // Docker's default needs no process.
    if (args.length === 0 || (args.length === 1 && args[0] === '-ef')) return fullFormat(readRows(pids), Date.now())
    return selectPids(await runPs(args), pids)
  }
}

function runPs(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: PATIENCE, maxBuffer: 64 * 1024 * 1024, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
    execFile('ps', args, options, (error, stdout, stderr) => {
      if (!error) resolve(stdout)
      else if (hasErrno(error, 'ENOENT')) reject(new BerthError('system', 'ps is not installed on this host'))
      else reject(invalid(`ps refuses ${args.join(' ')}: ${stderr.trim().split('\n')[0] ?? ''}`, { cause: error }))
    })
  })
}
