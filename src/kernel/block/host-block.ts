import fs from 'node:fs'
import { parseMountInfo } from '#codec/mountinfo.ts'
import { isInside } from './inside.ts'
import { BerthError, system } from '#lib/errors.ts'
import type { Block, DirectorySupport, FormatImage, ImageType } from '#ports/block.ts'
import type { Mounts } from '#ports/mounts.ts'
import { closeQuietly } from '../ffi/mount-api.ts'
import * as btrfs from './btrfs.ts'
import { formatImage } from './format.ts'
import { copyImage, thaw, trim } from './freeze.ts'
import { growDetached, growMounted } from './grow.ts'
import { attachLoop, detachLoop, listLoops } from './loop.ts'
import { hasProjectQuota, limitDirectory, limitOf } from './project-quota.ts'

/** For chown(2): leave it. */
const KEEP = 0xffff_ffff

export class HostBlock implements Block {
  readonly #mounts: Mounts

  constructor(mounts: Mounts) {
    this.#mounts = mounts
  }

  async support(directory: string): Promise<DirectorySupport> {
    const { bsize, blocks, bfree } = await fs.promises.statfs(directory)
    const real = fs.realpathSync(directory)
    // The last that is mounted on the way there is the one that is seen.
    const mount = parseMountInfo(fs.readFileSync('/proc/self/mountinfo', 'utf8'))
      .filter(({ mountPoint }) => isInside(real, mountPoint))
      .reduce<{ point: string; type: string; options: string[] }>(
        (best, { mountPoint, type, superOptions }) =>
          mountPoint.length >= best.point.length ? { point: mountPoint, type, options: superOptions } : best,
        { point: '', type: '', options: [] },
      )
    const enforced = mount.options.some(option => option === 'prjquota' || option === 'pquota')
    return {
      type: mount.type,
      projectQuota: enforced && hasProjectQuota(directory),
      totalBytes: bsize * blocks,
      usedBytes: bsize * (blocks - bfree),
    }
  }

  format(image: string, format: FormatImage): Promise<void> {
    return formatImage(image, format)
  }

  async mount(target: string, type: string, source: string, options: string[]): Promise<void> {
    const stat = await fs.promises.stat(source).catch(() => undefined)
    const { rest, offset, sizeLimit } = loopOptions(options)
    if (!stat?.isFile()) return this.#mounts.filesystem(target, type, source, rest)
    const readonly = rest.includes('ro')
    const loop = attachLoop(source, {
      readonly,
      ...(offset !== undefined && { offset }),
      ...(sizeLimit !== undefined && { sizeLimit }),
    })
    try {
      await this.#mounts.filesystem(target, type, loop.device, rest)
    } catch (error) {
      if (!(error instanceof BerthError)) throw error
      // People know the file, not the device that it had for a moment.
      throw system(error.message.replace(`${type} ${loop.device} on`, `${type} ${source} on`), {
        details: error.details,
      })
    } finally {
      // Without a mount, the device goes with this descriptor.
      closeQuietly(loop.fd)
    }
  }

  async attached(directory: string): Promise<{ device: string; file: string }[]> {
    const real = realOf(directory)
    return listLoops().filter(({ file }) => isInside(file.replace(/ \(deleted\)$/, ''), real))
  }

  async release(directory: string): Promise<void> {
    for (const { device } of await this.attached(directory)) detachLoop(device)
  }

  grow(image: string, options: { type: ImageType; bytes: number; target?: string }): Promise<void> {
    const { type, bytes, target } = options
    return target === undefined ? growDetached(image, bytes) : growMounted(image, { type, bytes, target })
  }

  copyImage(
    from: string,
    to: string,
    options: { type: ImageType; target?: string },
  ): Promise<'reflink' | 'copy' | undefined> {
    return copyImage(from, to, options)
  }

  trim(target: string): Promise<void> {
    return trim(target)
  }

  thaw(target: string): Promise<void> {
    return thaw(target)
  }

  snapshot(subvolume: string, path: string, options: { readonly: boolean }): Promise<void> {
    return btrfs.snapshotSubvolume(subvolume, path, options.readonly)
  }

  isSubvolume(path: string): Promise<boolean> {
    return btrfs.isSubvolume(path)
  }

  makeSubvolume(path: string): Promise<void> {
    return btrfs.makeSubvolume(path)
  }

  removeSubvolume(path: string): Promise<void> {
    return btrfs.removeSubvolume(path)
  }

  async compress(directory: string, algorithm: string): Promise<void> {
    btrfs.setCompression(directory, algorithm)
  }

  async own(directory: string, { uid, gid, mode }: { uid?: number; gid?: number; mode?: number }): Promise<void> {
    const { chown, chmod } = fs.promises
    if (uid !== undefined || gid !== undefined) await chown(directory, uid ?? KEEP, gid ?? KEEP)
    // After the owner: a change of that takes set-id bits away.
    if (mode !== undefined) await chmod(directory, mode)
  }

  async limit(directory: string, bytes: number): Promise<void> {
    limitDirectory(directory, bytes)
  }

  async limited(directory: string): Promise<{ bytes: number; limit: number } | undefined> {
    return limitOf(directory)
  }
}

/** The loop device's own words; `loop` alone says what is done for every file. */
function loopOptions(options: string[]): { rest: string[]; offset?: number; sizeLimit?: number } {
  const found: { offset?: number; sizeLimit?: number } = {}
  const rest = options
    .flatMap(list => list.split(','))
    .filter(word => {
      const number = /^(offset|sizelimit)=(\d+)$/.exec(word)
      if (number?.[1] === 'offset') found.offset = Number(number[2])
      if (number?.[1] === 'sizelimit') found.sizeLimit = Number(number[2])
      return !number && word !== 'loop' && !word.startsWith('loop=')
    })
  return { rest, ...found }
}

function realOf(directory: string): string {
  try {
    return fs.realpathSync(directory)
  } catch {
    return directory
  }
}
