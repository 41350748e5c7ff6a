import type { ByteString } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { namesIn, openDirectory } from './walk.ts'

/**
 * Removes a name with all that is below it; yields now and then. Already gone is success. Never enters another file
 * system, nor what is bound there: a mount point below is an error (EBUSY or EXDEV), its content stays.
 */
export function* removeTree(parent: number, name: ByteString): Generator<void, void> {
  let stat: Stat
  try {
    stat = at.statat(parent, name)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return
    throw error
  }
  yield* remove(parent, name, stat)
}

function* remove(parent: number, name: ByteString, stat: Stat): Generator<void, void> {
  if ((stat.mode & at.S_IFMT) !== at.S_IFDIR) return unlink(parent, name, false)
  const directory = openDirectory(parent, name)
  if (directory === undefined) return unlink(parent, name, false)
  try {
    for (const inner of namesIn(directory)) {
      let below: Stat
      try {
        below = at.statat(directory, inner)
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) continue
        throw error
      }
      // rmdir(2) of a mount point says EBUSY, which is what the caller shall see.
      if (below.device === stat.device && !below.mountRoot) yield* remove(directory, inner, below)
      else unlink(directory, inner, (below.mode & at.S_IFMT) === at.S_IFDIR)
      yield
    }
  } finally {
    libc.close(directory)
  }
  unlink(parent, name, true)
}

function unlink(parent: number, name: ByteString, directory: boolean): void {
  try {
    at.unlinkat(parent, name, { directory })
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}
