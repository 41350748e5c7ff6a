import fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseMountInfo } from '#codec/mountinfo.ts'
import { unavailable } from '#lib/errors.ts'
import { reap, spawnProcess } from '../ffi/spawn.ts'
import { statLocally } from '../ffi/mount-api.ts'
import * as libc from '../ffi/libc.ts'

/** File systems whose answers come from another machine or process, and may never come. */
const FOREIGN =
  /^(nfs4?|cifs|smb3|fuse(\..*)?|fuseblk|9p|virtiofs|ceph|afs|gfs2?|ocfs2|lustre|autofs|ncpfs|coda|orangefs)$/
/** Milliseconds that a file system has to answer. */
const DEADLINE = 5000
const STAT = ['/usr/bin/stat', '/bin/stat']
const MOST_LINKS = 40

/** A question that was not answered: the process that waits for it cannot be killed, perhaps, and is not waited for. */
interface Asking {
  since: number
}

/**
 * Finds out whether a path can be looked at without waiting for ever. No thread of this process may ask a file system
 * that may be dead: a thread that waits in the kernel cannot be called back, Node's pool has few of them, and a process
 * with one may not even end. So another process asks, one at a time for each mount, and is left behind when it hangs.
 */
export class Reach {
  readonly #asking = new Map<string, Asking>()
  readonly #deadline: number

  constructor(deadline = DEADLINE) {
    this.#deadline = deadline
  }

  /** Returns at once for what is on this host's own disks. @throws unavailable when the file system does not answer */
  async check(path: string): Promise<void> {
    const mount = foreignMount(path)
    if (mount === undefined) return
    const before = this.#asking.get(mount.point)
    if (before && performance.now() - before.since > this.#deadline) throw silent(path, mount)
    await this.#ask(path, mount)
  }

  async #ask(path: string, mount: ForeignMount): Promise<void> {
    const file = STAT.find(candidate => fs.existsSync(candidate))
    // Without the tool the kernel is asked by whoever wants to know.
    if (file === undefined) return
    const key = mount.point
    const since = performance.now()
    const nothing = libc.open('/dev/null', libc.O_RDWR)
    let pid: number
    try {
      const fds = { 0: nothing, 1: nothing, 2: nothing }
      pid = spawnProcess({ file, args: ['-L', '-c', '%f', '--', path], env: ['LC_ALL=C'], cwd: '/', fds })
    } finally {
      libc.close(nothing)
    }
    for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
      // Whether it exists is not the question here.
      if (reap(pid) !== undefined) return
      if (performance.now() - since > this.#deadline) break
      await sleep(pause)
    }
    this.#asking.set(key, { since })
    libc.kill(pid, 9)
    void this.#waitFor(pid, key)
    throw silent(path, mount)
  }

  /** Until it has ended, nobody else asks this mount. */
  async #waitFor(pid: number, key: string): Promise<void> {
    while (reap(pid) === undefined) await sleep(200, undefined, { ref: false })
    this.#asking.delete(key)
  }
}

function silent(path: string, { point, type, source }: ForeignMount): Error {
  const words = `${path} does not answer: it is on ${source} (${type}), mounted at ${point}`
  return unavailable(`${words}: check its server, or unmount it with umount -l`, { details: { errno: 'ETIMEDOUT' } })
}

export interface ForeignMount {
  point: string
  type: string
  source: string
}

/**
 * The first mount on the way to `path` whose answers come from elsewhere. Nothing below it is looked at: names are
 * followed one by one, symlinks too, and a mount's root is known without asking its file system.
 */
export function foreignMount(path: string): ForeignMount | undefined {
  let at = '/'
  let rest = resolve(path).split('/').filter(Boolean)
  let mounts: Map<string, ForeignMount> | undefined
  for (let links = 0; rest.length > 0;) {
    const next = join(at, rest[0]!)
    let stat: ReturnType<typeof statLocally>
    try {
      stat = statLocally(next)
    } catch {
      return undefined
    }
    if (stat.isMountRoot && stat.anonymous) {
      mounts ??= foreignMounts()
      const found = mounts.get(next)
      if (found) return found
    }
    rest = rest.slice(1)
    if (!stat.isSymlink) {
      at = next
      continue
    }
    if (++links > MOST_LINKS) return undefined
    const target = resolve(dirname(next), fs.readlinkSync(next))
    rest = [...target.split('/').filter(Boolean), ...rest]
    at = '/'
  }
  return undefined
}

/** By mount point; of several on one, the last is the one that is seen. */
function foreignMounts(): Map<string, ForeignMount> {
  const found = new Map<string, ForeignMount>()
  for (const { mountPoint, type, source } of parseMountInfo(fs.readFileSync('/proc/self/mountinfo', 'utf8'))) {
    if (FOREIGN.test(type)) found.set(mountPoint, { point: mountPoint, type, source })
    else found.delete(mountPoint)
  }
  return found
}
