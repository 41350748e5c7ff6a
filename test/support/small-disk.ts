import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An ext4 file system of its own, on a loop device, that a test can run full. */
export class SmallDisk {
  readonly path: string
  readonly #directory = mkdtempSync(join(tmpdir(), 'berth-disk-'))

  /** @param path directory to mount it on; made if it is not there */
  constructor(path: string, bytes: number) {
    this.path = path
    const image = join(this.#directory, 'image')
    closeSync(openSync(image, 'w'))
    truncateSync(image, bytes)
    execFileSync('mkfs.ext4', ['-q', '-m', '0', image])
    mkdirSync(path, { recursive: true })
    execFileSync('mount', ['-o', 'loop', image, path])
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Uses up all but `leave` bytes. */
  fill(leave = 0): void {
    const chunk = Buffer.alloc(1 << 16)
    const file = openSync(this.#ballast, 'a')
    try {
      while (this.free > leave) writeSync(file, chunk, 0, Math.max(512, Math.min(chunk.length, this.free - leave)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  empty(): void {
    try {
      unlinkSync(this.#ballast)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  dispose(): void {
    execFileSync('umount', ['--recursive', this.path])
    rmSync(this.#directory, { recursive: true })
  }

  get #ballast(): string {
    return join(this.path, 'ballast')
  }
}
