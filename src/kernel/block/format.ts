import fs from 'node:fs'
import type { FormatImage, ImageType } from '#ports/block.ts'
import { nodeError } from '../ffi/errno.ts'
import { native, promised } from '../ffi/libc.ts'
import { runTool } from './run-tool.ts'

/**
 * Nothing is reserved for root, since root in a container is whom the limit is for; tables are written by the kernel
 * when it has time, which on a sparse file takes no space. Both leave the journal in.
 */
const EXT4 = [
  '-t',
  'ext4',
  '-q',
  '-F',
  '-b',
  '4096',
  '-m',
  '0',
  '-E',
  'lazy_itable_init=1,lazy_journal_init=1,nodiscard',
]
/** One copy of the metadata: two in one file are no safer. */
const BTRFS = ['-q', '-f', '-K', '-m', 'single', '-d', 'single']

/** Bytes. A small one that was full of data has no room left for the metadata of what comes next, unless the two share it. */
const MIXED_BELOW = 1 << 30

export const NEEDS: Readonly<Record<ImageType, { package: string; what: string }>> = {
  ext4: { package: 'e2fsprogs', what: 'volumes with size=' },
  btrfs: { package: 'btrfs-progs', what: 'volumes with compress=' },
}

const fallocate = native('int fallocate(int fd, int mode, long offset, long length)')

/** Under another name until it is whole. */
export async function formatImage(image: string, { type, bytes, preallocate }: FormatImage): Promise<void> {
  const half = `${image}.part`
  try {
    const fd = fs.openSync(half, 'w', 0o600)
    try {
      fs.ftruncateSync(fd, bytes)
      if (preallocate) await promised(fallocate(), `take ${bytes} bytes for ${image}`, fd, 0, 0, bytes)
    } finally {
      fs.closeSync(fd)
    }
    if (type === 'ext4') await runTool('mkfs.ext4', [...EXT4, half], NEEDS.ext4)
    else await runTool('mkfs.btrfs', [...BTRFS, ...(bytes < MIXED_BELOW ? ['--mixed'] : []), half], NEEDS.btrfs)
    fs.renameSync(half, image)
  } catch (error) {
    fs.rmSync(half, { force: true })
    throw nodeError(`make a file system in ${image}`, error)
  }
}
