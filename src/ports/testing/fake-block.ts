import { posix } from 'node:path'
import { system } from '#lib/errors.ts'
import type { Block, DirectorySupport, FormatImage, ImageType } from '#ports/block.ts'
import type { Files } from '#ports/files.ts'
import type { FakeMounts } from './fake-mounts.ts'

/** Images as small files, and their mounts in `FakeMounts`, with the image as the source. */
export class FakeBlock implements Block {
  readonly #files: Files
  readonly #mounts: FakeMounts
  /** Sizes in bytes by image, and of mounted ones by target. */
  readonly sizes = new Map<string, number>()
  readonly limits = new Map<string, number>()
  /** What was done, in order: `grow /x 1024`. */
  readonly calls: string[] = []
  /** Devices without a mount: what a crash may leave. */
  readonly orphans: { device: string; file: string }[] = []
  of: DirectorySupport = { type: 'ext4', projectQuota: false, totalBytes: 1 << 30, usedBytes: 0 }
  canReflink = false

  constructor(files: Files, mounts: FakeMounts) {
    this.#files = files
    this.#mounts = mounts
  }

  async support(directory: string): Promise<DirectorySupport> {
    const image = this.#mounts.mounted.findLast(({ target }) => target === directory)?.source ?? ''
    return { ...this.of, totalBytes: this.sizes.get(image) ?? this.of.totalBytes }
  }

  async format(image: string, { type, bytes, preallocate }: FormatImage): Promise<void> {
    this.calls.push(`format ${image} ${type} ${bytes}${preallocate ? ' preallocated' : ''}`)
    await this.#files.makeDirectory(posix.dirname(image))
    await this.#files.writeAtomic(image, type)
    this.sizes.set(image, bytes)
  }

  async mount(target: string, type: string, source: string, options: string[]): Promise<void> {
    if (!(await this.#files.stat(source, { follow: true })) && !source.startsWith('/dev/'))
      throw system(`mounting ${type} ${source} on ${target} failed: the source does not exist`, {
        details: { errno: 'ENOENT' },
      })
    await this.#mounts.filesystem(target, type, source, options)
  }

  async attached(directory: string): Promise<{ device: string; file: string }[]> {
    const mounted = this.#mounts.mounted.map(({ source }) => ({ device: '/dev/loop7', file: source }))
    return [...mounted, ...this.orphans].filter(({ file }) => file.startsWith(`${directory}/`))
  }

  async release(directory: string): Promise<void> {
    this.calls.push(`release ${directory}`)
    const left = this.orphans.filter(({ file }) => !file.startsWith(`${directory}/`))
    this.orphans.splice(0, this.orphans.length, ...left)
  }

  async grow(image: string, options: { type: ImageType; bytes: number; target?: string }): Promise<void> {
    this.calls.push(`grow ${image} ${options.bytes} ${options.target ?? 'detached'}`)
    this.sizes.set(image, Math.max(this.sizes.get(image) ?? 0, options.bytes))
  }

  async copyImage(
    from: string,
    to: string,
    options: { type: ImageType; target?: string },
  ): Promise<'reflink' | 'copy' | undefined> {
    if (options.target !== undefined && !this.canReflink) return undefined
    await this.#files.copyTree(from, to)
    this.sizes.set(to, this.sizes.get(from) ?? 0)
    return this.canReflink ? 'reflink' : 'copy'
  }

  async trim(target: string): Promise<void> {
    this.calls.push(`trim ${target}`)
  }

  async thaw(target: string): Promise<void> {
    this.calls.push(`thaw ${target}`)
  }

  async snapshot(subvolume: string, path: string): Promise<void> {
    this.calls.push(`snapshot ${subvolume} ${path}`)
  }

  async makeSubvolume(path: string): Promise<void> {
    await this.#files.makeDirectory(path)
  }

  async isSubvolume(): Promise<boolean> {
    return false
  }

  async removeSubvolume(path: string): Promise<void> {
    this.calls.push(`remove subvolume ${path}`)
  }

  async compress(directory: string, algorithm: string): Promise<void> {
    this.calls.push(`compress ${directory} ${algorithm}`)
  }

  async own(directory: string, { uid, gid, mode }: { uid?: number; gid?: number; mode?: number }): Promise<void> {
    this.calls.push(`own ${directory} ${uid ?? ''}:${gid ?? ''} ${mode?.toString(8) ?? ''}`.trim())
  }

  async limit(directory: string, bytes: number): Promise<void> {
    this.limits.set(directory, bytes)
  }

  async limited(directory: string): Promise<{ bytes: number; limit: number } | undefined> {
    const limit = this.limits.get(directory)
    return limit === undefined ? undefined : { bytes: 0, limit }
  }
}
