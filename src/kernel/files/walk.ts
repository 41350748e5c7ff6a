import { constants, readdirSync } from 'node:fs'
import type { ByteString } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'

export interface Visited {
  /** Path below the start, '' for the start itself. */
  path: ByteString
  name: ByteString
  stat: Stat
  /** Descriptor of the directory that holds it, valid until the next step. */
  parent: number
}

const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** Names in an open directory, sorted by bytes. */
export function namesIn(directory: number): ByteString[] {
  return readdirSync(`/proc/self/fd/${directory}`, { encoding: 'latin1' }).sort()
}

/**
 * Everything below an open directory, a directory before its members; symlinks are not followed and what vanishes
 * meanwhile is left out. The descriptors on the way down stay open, so renames cannot lead elsewhere.
 *
 * @param descend asked before a directory is entered
 */
export function* walk(
  directory: number,
  path: ByteString = '',
  descend: (visited: Visited) => boolean = () => true,
): Generator<Visited, void> {
  for (const name of namesIn(directory)) {
    let stat: Stat
    try {
      stat = at.statat(directory, name)
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) continue
      throw error
    }
    const visited: Visited = { path: path === '' ? name : `${path}/${name}`, name, stat, parent: directory }
    yield visited
    if ((stat.mode & at.S_IFMT) !== at.S_IFDIR || !descend(visited)) continue
    const inner = openDirectory(directory, name)
    if (inner === undefined) continue
    try {
      yield* walk(inner, visited.path, descend)
    } finally {
      libc.close(inner)
    }
  }
}

/** @returns undefined when it is gone, or no directory any more */
export function openDirectory(directory: number, name: ByteString): number | undefined {
  try {
    return at.openat(directory, name, DIRECTORY_FLAGS)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}
