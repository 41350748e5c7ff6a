import type { FileStat } from '#ports/files.ts'
import * as at from '../ffi/fs.ts'

const KINDS: Readonly<Record<number, FileStat['kind']>> = {
  [at.S_IFREG]: 'file',
  [at.S_IFDIR]: 'directory',
  [at.S_IFLNK]: 'symlink',
  [at.S_IFIFO]: 'fifo',
  [at.S_IFSOCK]: 'socket',
  [at.S_IFBLK]: 'block',
  [at.S_IFCHR]: 'char',
}

/** What a mode of stat(2) says it is; undefined for what this kernel may know and we do not. */
export const kindOfMode = (mode: number): FileStat['kind'] | undefined => KINDS[mode & at.S_IFMT]
