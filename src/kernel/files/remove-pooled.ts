import fs from 'node:fs'
import type { ByteString } from '#codec/tar/index.ts'
import { bytes } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { isSubvolume, removeSubvolumeAt } from '../block/btrfs.ts'
import { openDirectory } from './walk.ts'

/** Names removed at once: more than the pool has threads, so that none waits for this one. */
const BATCH = 64

/**
 * As `removeTree`, on pool threads: the last unlink of a file gives its blocks back, which takes ext4 up to 5 ms.
 * Already gone is success. Never enters another file system, nor what is bound there: a mount point below is an error, its content stays. A btrfs
 * subvolume is none.
 */
export async function removeTreePooled(parent: number, name: ByteString): Promise<void> {
  const stat = statOf(parent, name)
  if (!stat) return
  if (isDirectory(stat) && (stat.mountRoot || stat.device !== at.statat(parent, '').device))
    await removeOther(parent, name)
  else await remove(parent, name, stat)
}

async function remove(parent: number, name: ByteString, stat: Stat): Promise<void> {
  const directory = isDirectory(stat) ? openDirectory(parent, name) : undefined
  if (directory === undefined) return gone(fs.promises.unlink(path(parent, name)))
  try {
    const names = await fs.promises.readdir(`/proc/self/fd/${directory}`, { encoding: 'latin1' })
    for (let i = 0; i < names.length; i += BATCH) {
      const inner: Promise<void>[] = []
      const deeper: [ByteString, Stat][] = []
      for (const name of names.slice(i, i + BATCH)) {
        const below = statOf(directory, name)
        if (!below) continue
        if (!isDirectory(below)) inner.push(gone(fs.promises.unlink(path(directory, name))))
        // rmdir(2) of a mount point says EBUSY, which is what the caller shall see.
        else if (below.device === stat.device && !below.mountRoot) deeper.push([name, below])
        else inner.push(removeOther(directory, name))
      }
      await settled(inner)
      // One at a time: each holds a descriptor for every level it is deep.
      for (const [name, below] of deeper) await remove(directory, name, below)
    }
  } finally {
    libc.close(directory)
  }
  await gone(fs.promises.rmdir(path(parent, name)))
}

/**
 * A directory of another device is a mount point, for which rmdir(2) says EBUSY, or a subvolume of btrfs: that goes in one
 * step, or with what is in it if there are subvolumes in it too.
 */
async function removeOther(parent: number, name: ByteString): Promise<void> {
  try {
    return await gone(fs.promises.rmdir(path(parent, name)))
  } catch (error) {
    if (!hasErrno(error, 'ENOTEMPTY') || !(await isSubvolume(at.through(parent, name)))) throw error
  }
  try {
    await removeSubvolumeAt(parent, bytes(name))
  } catch (error) {
    if (!hasErrno(error, 'ENOTEMPTY', 'EPERM', 'EROFS')) throw error
    const stat = statOf(parent, name)
    if (stat) await remove(parent, name, stat)
  }
}

/** All have ended before an error is thrown: the directory they work in is closed then. */
async function settled(work: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason
  }
}

async function gone(removal: Promise<void>): Promise<void> {
  try {
    await removal
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}

function path(directory: number, name: ByteString): Buffer {
  return bytes(at.through(directory, name))
}

function statOf(directory: number, name: ByteString): Stat | undefined {
  try {
    return at.statat(directory, name)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

function isDirectory(stat: Stat): boolean {
  return (stat.mode & at.S_IFMT) === at.S_IFDIR
}
