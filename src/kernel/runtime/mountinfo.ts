import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

interface MountEntry {
  id: string
  parent: string
  device: string
  /** Directory of the file system that is mounted. */
  root: string
  mountPoint: string
  /** Peer group that this mount sends to and receives from. */
  shared?: number
  /** Peer group that it only receives from. */
  master?: number
}

/**
 * The mount whose mount point is exactly `path` (proc_pid_mountinfo(5)); undefined when `path` is no mount point. Of
 * several on one another, the topmost.
 */
export function mountAt(path: string, mountinfo = readMountinfo()): MountEntry | undefined {
  const wanted = ` ${escape(path)} `
  return mountinfo
    .split('\n')
    .filter(line => line.includes(wanted))
    .map(parse)
    .findLast(entry => entry.mountPoint === escape(path))
}

/** Whether the mount at `path` is a directory bound onto itself, as `prepareRoots` does, and not the user's own mount. */
export function isBoundOnItself(path: string): boolean {
  const mountinfo = readMountinfo()
  const entry = mountAt(path, mountinfo)
  if (!entry) return false
  const parentLine = mountinfo.split('\n').find(line => line.startsWith(`${entry.parent} `))
  if (!parentLine) return false
  const parent = parse(parentLine)
  const below = relative(parent.mountPoint, entry.mountPoint)
  return parent.device === entry.device && join(parent.root, below) === entry.root
}

export function readMountinfo(): string {
  return readFileSync('/proc/thread-self/mountinfo', 'utf8')
}

function parse(line: string): MountEntry {
  // 36 35 98:0 /root /mount/point options [optional fields] - type source superoptions
  const fields = line.split(' ')
  const [id = '', parent = '', device = '', root = '', mountPoint = ''] = fields
  const entry: MountEntry = { id, parent, device, root, mountPoint }
  for (const field of fields.slice(6, fields.indexOf('-', 6))) {
    const [kind, group] = field.split(':')
    if (kind === 'shared') entry.shared = Number(group)
    if (kind === 'master') entry.master = Number(group)
  }
  return entry
}

/** As the kernel writes paths in mountinfo. */
function escape(path: string): string {
  return path.replace(/[ \t\n\\]/g, c => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)
}
