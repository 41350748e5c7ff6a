import { mkdirSync, writeFileSync } from 'node:fs'
import { fromText } from '#codec/tar/index.ts'
import { notFound } from '#lib/errors.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import * as api from '../ffi/mount-api.ts'
import { cleanPath, Root } from '../files/root.ts'
import { mapOwners, type BindOptions } from './bind.ts'

/** What was resolved is mounted by its descriptor, never by path again. @returns whether it is a directory */
export function bindInside(
  rootPath: string,
  path: string,
  target: string,
  { idmap, recursive = true }: Pick<BindOptions, 'idmap' | 'recursive'>,
): boolean {
  const fd = openInside(rootPath, path)
  let tree: number | undefined
  try {
    const directory = (at.statat(fd, '').mode & at.S_IFMT) === at.S_IFDIR
    if (directory) mkdirSync(target, { recursive: true, mode: 0o700 })
    else writeFileSync(target, '', { mode: 0o600 })
    tree = api.cloneTreeOf(fd, recursive)
    if (idmap) mapOwners(tree, idmap, recursive)
    api.setMountAttributes(tree, { propagation: libc.MS_PRIVATE }, recursive)
    api.attachMount(tree, target)
    return directory
  } finally {
    libc.close(fd)
    api.closeQuietly(tree)
  }
}

function openInside(rootPath: string, path: string): number {
  const clean = cleanPath(fromText(path))
  // A source that is a file itself has nothing inside.
  if (clean === '') return libc.open(rootPath, at.O_PATH)
  const root = new Root(rootPath)
  try {
    return root.open(clean, at.O_PATH)
  } catch (cause) {
    if (hasErrno(cause, 'ENOENT', 'ENOTDIR', 'ELOOP'))
      throw notFound(`${path} does not exist in ${rootPath}`, { cause })
    throw cause
  } finally {
    root.close()
  }
}
