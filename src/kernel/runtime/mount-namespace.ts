import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  close,
  CLONE_NEWNS,
  MNT_DETACH,
  mount,
  MS_BIND,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_SLAVE,
  native,
  open,
  O_RDONLY,
  setns,
  umount2,
  unshare,
} from '#kernel/ffi/libc.ts'
import { hasErrno } from '#kernel/ffi/errno.ts'
import { attachMount, cloneTree, closeQuietly, isMountRoot, setMountAttributes } from '#kernel/ffi/mount-api.ts'
import { mountAt, peerGroup, readMountinfo } from './mountinfo.ts'

const CLONE_FS = 0x200
/** Of mount points in `pins` for binds that are shared. */
const PEER = 'peer-'
const fchdir = native('int fchdir(int fd)')

/**
 * The mount namespace in which the OCI runtime works. The runtime copies it for each container, and the kernel's copy costs
 * time for each mount: so what containers have for themselves (root file systems, pinned namespaces) stays out, and what
 * one container needs is lent for its creation. On hybrid cgroup hosts it also lacks the stray v2 tree that makes crun
 * refuse. Pinned at `EXEC_ROOT/pins/runtime.mnt`, so that it outlives the daemon and costs no process.
 *
 * Kernel rules that shape this: a mount namespace can be pinned only from an older one (so the pin is made after coming
 * back), and the pin must not propagate into the namespace that it pins (so `pins` is a private mount).
 */
export class MountNamespace {
  readonly #pins: string
  readonly #hide: string | undefined
  readonly #program: string
  readonly #roots: readonly string[]
  readonly #apart: readonly string[]
  readonly #host: number
  /** How many creations need a mount at the moment, by mount point. */
  readonly #lent = new Map<string, number>()
  #peers = 0
  #inner: number | undefined

  /**
   * Must be called on the main thread, whose file-system context (working directory, umask) it parts from the other
   * threads': setns(2) demands that. Afterwards only absolute paths are safe in this process.
   *
   * @param hide mount point to remove in the namespace, if any
   * @param program the OCI runtime, which becomes read-only there: else each run of it copies itself, so that no
   *   container can write to it through /proc/PID/exe (CVE-2019-5736), and that takes as long as the rest of its work
   * @param roots shared mounts, whose later submounts must show up in the namespace
   * @param apart mounts below the roots whose submounts must not; each is a peer group of its own
   */
  constructor(
    execRoot: string,
    hide: string | undefined,
    program: string,
    roots: readonly string[],
    apart: readonly string[],
  ) {
    this.#pins = join(execRoot, 'pins')
    this.#hide = hide
    this.#program = realpathSync(program)
    this.#roots = roots
    this.#apart = apart
    unshare(CLONE_FS)
    this.#host = open('/proc/thread-self/ns/mnt', O_RDONLY)
  }

  /** Opens the pinned namespace if it still serves, else makes one. */
  prepare(): void {
    this.#inner = this.#openPinned()
    if (this.#inner === undefined || !this.#serves()) this.renew()
    // A crash left them, without their mounts now.
    for (const name of readdirSync(this.#pins)) if (name.startsWith(PEER)) remove(join(this.#pins, name))
  }

  /** Runs `work`, which must be synchronous, in the namespace. */
  within<T>(work: () => T): T {
    if (this.#inner === undefined) this.prepare()
    return this.#inside(this.#inner!, work)
  }

  /**
   * Shows those of the paths that are kept apart in the namespace until the returned function is called. Containers made
   * meanwhile keep what they need.
   */
  lend(paths: Iterable<string>): () => void {
    const targets = [...new Set([...paths].flatMap(path => this.#keptApart(path) ?? []))]
    const missing = targets.filter(target => !this.#lent.has(target))
    if (missing.length > 0) this.#attach(missing)
    for (const target of targets) this.#lent.set(target, (this.#lent.get(target) ?? 0) + 1)
    return () => {
      const idle = targets.filter(target => {
        const users = this.#lent.get(target)! - 1
        if (users > 0) this.#lent.set(target, users)
        else this.#lent.delete(target)
        return users === 0
      })
      if (idle.length > 0) this.within(() => idle.forEach(unmountQuietly))
    }
  }

  /**
   * Mounts of the host in the namespace as peers of themselves: what is mounted below one, in a container, shows on the host.
   * The namespace's own only hear of the host's.
   *
   * @returns where each is there, until the last is called
   */
  lendPeers(sources: readonly string[]): { paths: string[]; giveBack: () => void } {
    const lent: string[] = []
    const giveBack = () => {
      this.within(() => lent.forEach(unmountQuietly))
      lent.forEach(remove)
    }
    try {
      const paths = sources.map(source => {
        const path = join(this.#pins, `${PEER}${process.pid}-${++this.#peers}`)
        if (statSync(source).isDirectory()) mkdirSync(path, { mode: 0o700 })
        else writeFileSync(path, '')
        lent.push(path)
        return this.#attachPeer(source, path) ? path : source
      })
      return { paths, giveBack }
    } catch (error) {
      giveBack()
      throw error
    }
  }

  /** @returns false for a tree that has pinned mount namespaces in it, such as all of `/`: the kernel takes none of those */
  #attachPeer(source: string, path: string): boolean {
    const clone = cloneTree(source, true)
    try {
      this.within(() => attachMount(clone, path))
      return true
    } catch (error) {
      if (hasErrno(error, 'ELOOP')) return false
      throw error
    } finally {
      closeQuietly(clone)
    }
  }

  #keptApart(path: string): string | undefined {
    for (const directory of this.#apart) {
      if (!path.startsWith(`${directory}/`)) continue
      const target = join(directory, path.slice(directory.length + 1).split('/', 1)[0]!)
      return isMountRoot(target) === false ? undefined : target
    }
    return undefined
  }

  /** The mounts of the host at these paths, at the same paths in the namespace. */
  #attach(targets: readonly string[]): void {
    const clones: number[] = []
    try {
      for (const target of targets) {
        const clone = cloneTree(target, true)
        clones.push(clone)
        setMountAttributes(clone, { propagation: MS_PRIVATE }, true)
      }
      this.within(() => targets.forEach((target, i) => attachMount(clones[i]!, target)))
    } finally {
      for (const clone of clones) closeQuietly(clone)
    }
  }

  /**
   * Whether `path` is the same file in the namespace as on the host. It is not when something was mounted over it later
   * on a host whose mounts do not propagate.
   */
  sees(path: string): boolean {
    const identity = () => {
      try {
        const s = statSync(path, { bigint: true })
        return `${s.dev}:${s.ino}`
      } catch {
        return ''
      }
    }
    return identity() === this.within(identity)
  }

  /** Makes the namespace anew from the host's mounts of this moment. Containers made in the old one are unaffected. */
  renew(): void {
    if (this.#inner !== undefined) close(this.#inner)
    this.#inner = undefined
    const inner = this.#awayFromHost(() => {
      unshare(CLONE_NEWNS)
      mount(null, '/', null, MS_REC | MS_SLAVE)
      for (const path of this.#apart) unmountQuietly(path)
      if (this.#hide !== undefined && existsSync(this.#hide)) unmountQuietly(this.#hide)
      mount(this.#program, this.#program, null, MS_BIND)
      mount(null, this.#program, null, MS_BIND | MS_REMOUNT | MS_RDONLY)
      return open('/proc/thread-self/ns/mnt', O_RDONLY)
    })
    this.#inner = inner
    this.#pin(inner)
    if (this.#lent.size > 0) this.#attach([...this.#lent.keys()])
  }

  /** Lets go of the pinned namespace: the kernel frees it once no process is in it. */
  dispose(): void {
    if (this.#inner !== undefined) close(this.#inner)
    this.#inner = undefined
    unmountQuietly(join(this.#pins, 'runtime.mnt'))
    unmountQuietly(this.#pins)
  }

  #pin(inner: number): void {
    const pin = join(this.#pins, 'runtime.mnt')
    mkdirSync(this.#pins, { recursive: true, mode: 0o700 })
    if (!mountAt(this.#pins)) {
      mount(this.#pins, this.#pins, null, MS_BIND)
      mount(null, this.#pins, null, MS_PRIVATE)
    }
    unmountQuietly(pin)
    writeFileSync(pin, '')
    mount(`/proc/self/fd/${inner}`, pin, null, MS_BIND)
  }

  #openPinned(): number | undefined {
    try {
      const pin = join(this.#pins, 'runtime.mnt')
      // An unmounted pin is an empty file on the exec-root's own file system.
      if (statSync(pin).dev === statSync(this.#pins).dev) return undefined
      return open(pin, O_RDONLY)
    } catch {
      return undefined
    }
  }

  /** Whether mounts below the roots still propagate into the namespace. */
  #serves(): boolean {
    const mountinfo = this.within(readMountinfo)
    if (!mountAt(this.#program, mountinfo)) return false
    // An earlier version's, or a creation that a crash cut short.
    if (mountinfo.includes(` ${join(this.#pins, PEER)}`)) return false
    if (this.#apart.some(path => mountinfo.includes(` ${path} `) || mountinfo.includes(` ${path}/`))) return false
    const ofHost = readMountinfo()
    return this.#roots.every(root => {
      const outside = peerGroup(mountAt(root, ofHost), 'shared')
      return outside !== undefined && outside === peerGroup(mountAt(root, mountinfo), 'master')
    })
  }

  #inside<T>(namespace: number, work: () => T): T {
    return this.#awayFromHost(() => {
      setns(namespace, CLONE_NEWNS)
      return work()
    })
  }

  /** `work` may change this thread's mount namespace; back come the host's and the working directory. */
  #awayFromHost<T>(work: () => T): T {
    // setns moves the working directory to the root of the namespace.
    const cwd = openSync('.', constants.O_DIRECTORY | constants.O_RDONLY)
    // Threads made since (libuv's pool starts late) share this thread's file-system context: setns(2) says EINVAL then.
    unshare(CLONE_FS)
    try {
      return work()
    } finally {
      this.#return(cwd)
      closeSync(cwd)
    }
  }

  #return(cwd: number): void {
    try {
      setns(this.#host, CLONE_NEWNS)
    } catch (error) {
      // The main thread would go on in the wrong namespace, and everything it mounts would be lost.
      process.stderr.write(`cannot return to the host's mount namespace: ${String(error)}\n`)
      process.abort()
    }
    fchdir()(cwd)
  }
}

/** A mount point that nothing is mounted on. Never what is below it. */
function remove(path: string): void {
  if (statSync(path).isDirectory()) rmdirSync(path)
  else rmSync(path)
}

/** Not mounted, or gone: nothing to do. */
function unmountQuietly(path: string): void {
  try {
    umount2(path, MNT_DETACH)
  } catch (error) {
    if (!hasErrno(error, 'EINVAL', 'ENOENT')) throw error
  }
}
