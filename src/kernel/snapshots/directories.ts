import fs from 'node:fs'
import { join } from 'node:path'
import { shareDirectory } from '#kernel/mounts/share-directory.ts'
import { hasErrno } from '../ffi/errno.ts'
import { makeInitLayer } from './init-layer.ts'

/**
 * The directories of snapshots: `N/fs` and, for writable ones, `N/work`; `new-N` while a layer is unpacked;
 * `trash-N` while one is deleted; `init` below all. Mount points are `<execRoot>/rootfs/N`.
 */
export class Directories {
  readonly root: string
  /** A shared mount of its own, until `HostSnapshots.close`. */
  readonly mountRoot: string
  #next: number
  /** Numbers given out whose record is not yet written: not to be swept. */
  readonly #pending = new Set<number>()

  constructor(dataRoot: string, execRoot: string, used: Iterable<number>) {
    this.root = join(dataRoot, 'snapshots')
    this.mountRoot = join(execRoot, 'rootfs')
    fs.mkdirSync(this.root, { recursive: true, mode: 0o711 })
    fs.mkdirSync(this.mountRoot, { recursive: true, mode: 0o711 })
    shareDirectory(this.mountRoot)
    makeInitLayer(join(this.root, 'init'))
    let highest = 0
    for (const n of used) highest = Math.max(highest, n)
    for (const name of [...fs.readdirSync(this.root), ...fs.readdirSync(this.mountRoot)])
      highest = Math.max(highest, numberOf(name) ?? 0)
    this.#next = highest + 1
  }

  get init(): string {
    return join(this.root, 'init')
  }

  of(n: number): string {
    return join(this.root, String(n))
  }

  fs(n: number): string {
    return join(this.root, String(n), 'fs')
  }

  work(n: number): string {
    return join(this.root, String(n), 'work')
  }

  mountPoint(n: number): string {
    return join(this.mountRoot, String(n))
  }

  /** A number that no directory bears; `settle` it once its record is written or its directory is gone. */
  take(): number {
    const n = this.#next++
    this.#pending.add(n)
    return n
  }

  settle(n: number): void {
    this.#pending.delete(n)
  }

  /** An empty directory to unpack into, unseen until `publish`. */
  makeHidden(n: number): string {
    const path = join(this.root, `new-${n}`, 'fs')
    fs.mkdirSync(path, { recursive: true, mode: 0o755 })
    return path
  }

  hidden(n: number): string {
    return join(this.root, `new-${n}`)
  }

  publish(n: number): void {
    fs.renameSync(this.hidden(n), this.of(n))
  }

  /** `fs` and `work`; the root of the new layer is like the one below, because overlayfs shows the topmost. */
  makeWritable(n: number, parent: number | undefined): void {
    fs.mkdirSync(this.of(n), { mode: 0o711 })
    fs.mkdirSync(this.work(n), { mode: 0o700 })
    fs.mkdirSync(this.fs(n), { mode: 0o755 })
    if (parent === undefined) return fs.chmodSync(this.fs(n), 0o755)
    const stat = fs.statSync(this.fs(parent))
    fs.chownSync(this.fs(n), stat.uid, stat.gid)
    fs.chmodSync(this.fs(n), stat.mode & 0o7777)
    fs.utimesSync(this.fs(n), stat.atime, stat.mtime)
  }

  /** Out of sight at once; @returns the name under which it waits to be deleted, or undefined when it is gone. */
  discard(n: number): string | undefined {
    const name = `trash-${n}`
    try {
      fs.renameSync(this.of(n), join(this.root, name))
      return name
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** Names of directories that nothing owns: left by a crash, not being made now. */
  strays(owned: ReadonlySet<number>): string[] {
    return fs.readdirSync(this.root).filter(name => {
      const n = numberOf(name)
      return n !== undefined && !this.#pending.has(n) && (/^\d+$/.test(name) ? !owned.has(n) : true)
    })
  }

  /** Numbers of mount points that nothing owns. */
  strayMountPoints(owned: ReadonlySet<number>): number[] {
    return fs
      .readdirSync(this.mountRoot)
      .map(numberOf)
      .filter(n => n !== undefined)
      .filter(n => !owned.has(n) && !this.#pending.has(n))
  }
}

/** Of `7`, `new-7` and `trash-7`. */
function numberOf(name: string): number | undefined {
  const match = /^(?:new-|trash-)?(\d+)$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/** A volatile overlay refuses a work directory that a crash left, as its upper directory may lack data. */
export function forgetVolatile(work: string): void {
  fs.rmSync(join(work, 'work', 'incompat'), { recursive: true, force: true })
}
