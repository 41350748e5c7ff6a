import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import { copyXattrs } from './copy-tree.ts'

/** Makes one open directory look like another: owner, mode, attributes and times, but for what is in it. */
export function copyAttributes(from: number, to: number): void {
  const self = at.statat(from, '')
  const [source, target] = [at.through(from, '.'), at.through(to, '.')]
  const wanted = new Set(at.listXattrs(source))
  for (const name of at.listXattrs(target)) if (!wanted.has(name)) drop(target, name)
  at.fchown(to, self.uid, self.gid)
  copyXattrs(source, target)
  at.fchmod(to, self.mode & 0o7777)
  at.futime(to, self.mtime)
}

/** Labels of security modules are not ours to take away. */
function drop(path: string, name: string): void {
  try {
    at.removeXattr(path, name)
  } catch (error) {
    if (!hasErrno(error, 'EOPNOTSUPP', 'EPERM', 'EACCES', 'ENODATA')) throw error
  }
}
