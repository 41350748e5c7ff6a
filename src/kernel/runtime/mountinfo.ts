import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseMountInfo, type MountInfo } from '#codec/mountinfo.ts'

/** The mount whose mount point is exactly `path`; undefined when `path` is none. Of several on one another, the topmost. */
export function mountAt(path: string, mountinfo = readMountinfo()): MountInfo | undefined {
  return parseMountInfo(mountinfo).findLast(mount => mount.mountPoint === path)
}

/** The number of the peer group that the mount sends to (`shared`) or only receives from (`master`). */
export function peerGroup(mount: MountInfo | undefined, kind: 'shared' | 'master'): string | undefined {
  return mount?.propagation.find(field => field.startsWith(`${kind}:`))?.slice(kind.length + 1)
}

/** Whether the mount at `path` is a directory bound onto itself, as `prepareRoots` does, and not the user's own mount. */
export function isBoundOnItself(path: string): boolean {
  const mounts = parseMountInfo(readMountinfo())
  const mount = mounts.findLast(candidate => candidate.mountPoint === path)
  const parent = mounts.find(candidate => candidate.id === mount?.parentId)
  if (!mount || !parent) return false
  const below = relative(parent.mountPoint, mount.mountPoint)
  return parent.device === mount.device && join(parent.root, below) === mount.root
}

export function readMountinfo(): string {
  return readFileSync('/proc/thread-self/mountinfo', 'utf8')
}
