import { constants } from 'node:fs'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { walk } from './walk.ts'

/** Bytes on disk of a tree, as du(1) counts: blocks, hard links once, mounts below not entered. 0 when absent. */
export function* usageOf(path: string): Generator<void, number> {
  let directory: number
  try {
    directory = libc.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return 0
    if (hasErrno(error, 'ENOTDIR')) return at.statat(at.AT_FDCWD, Buffer.from(path).toString('latin1')).blocks * 512
    throw error
  }
  try {
    const top = at.statat(directory, '')
    let blocks = top.blocks
    const seen = new Set<string>()
    for (const { stat } of walk(directory, '', ({ stat }) => stat.device === top.device)) {
      const shared = stat.nlink > 1 && (stat.mode & at.S_IFMT) !== at.S_IFDIR
      if (stat.device === top.device && !(shared && seen.has(stat.id))) blocks += stat.blocks
      if (shared) seen.add(stat.id)
      yield
    }
    return blocks * 512
  } finally {
    libc.close(directory)
  }
}
