import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { system } from '#lib/errors.ts'

/** Milliseconds. */
const PATIENCE = 10_000

/**
 * Freezes or thaws all processes of a cgroup and waits until that is so.
 *
 * @throws system when the host has no freezer, or the kernel does not get there
 */
export async function setFrozen(paths: Record<string, string>, frozen: boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE
  request(paths, frozen)
  for (let wait = 1; isFrozen(paths) !== frozen; wait = Math.min(wait * 2, 50)) {
    if (Date.now() > deadline) {
      request(paths, false)
      throw system(`the kernel does not ${frozen ? 'freeze' : 'thaw'} ${directoryOf(paths)}`)
    }
    await setTimeout(wait)
    // v1 stays at FREEZING when a process was forking: asking again makes it try again.
    request(paths, frozen)
  }
}

export function isFrozen(paths: Record<string, string>): boolean {
  if (paths[''] !== undefined) return /^frozen 1$/m.test(readFileSync(join(paths[''], 'cgroup.events'), 'latin1'))
  return readFileSync(join(directoryOf(paths), 'freezer.state'), 'latin1').trim() === 'FROZEN'
}

function request(paths: Record<string, string>, frozen: boolean): void {
  if (paths[''] !== undefined) writeFileSync(join(paths[''], 'cgroup.freeze'), frozen ? '1' : '0')
  else writeFileSync(join(directoryOf(paths), 'freezer.state'), frozen ? 'FROZEN' : 'THAWED')
}

function directoryOf(paths: Record<string, string>): string {
  const directory = paths[''] ?? paths.freezer
  if (directory === undefined) throw system('this host has no freezer cgroup: containers cannot be paused')
  return directory
}
