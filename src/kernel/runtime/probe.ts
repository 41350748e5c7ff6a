import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { unavailable } from '#lib/errors.ts'
import type { OciProgram } from './context.ts'

const PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Finds an OCI runtime that executes: crun before runc, as it starts containers in half the time.
 *
 * @throws unavailable with what to install
 */
export function findOciProgram(): OciProgram {
  const program = findOciProgramNamed('crun') ?? findOciProgramNamed('runc')
  if (!program) throw unavailable('no OCI runtime found: install crun (or runc)')
  return program
}

export function findOciProgramNamed(name: 'crun' | 'runc'): OciProgram | undefined {
  const path = findProgram(name)
  const version = path === undefined ? undefined : versionOf(path)
  return path === undefined || version === undefined ? undefined : { name, path, version }
}

export function findMonitor(): string {
  const path = findProgram('conmon')
  if (path === undefined) throw unavailable('conmon, the container monitor, is not found: install it')
  return path
}

export function findProgram(name: string): string | undefined {
  return PATH.map(directory => join(directory, name)).find(path => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function versionOf(path: string): string | undefined {
  try {
    const text = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return /version:?\s+(\S+)/.exec(text)?.[1]
  } catch {
    return undefined
  }
}
