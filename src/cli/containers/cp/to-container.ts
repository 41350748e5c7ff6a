import { lstat, stat } from 'node:fs/promises'
import { basename, posix, resolve } from 'node:path'
import { isKind } from '#lib/errors.ts'
import type { Context } from '../../core/context.ts'
import { CliError } from '../../core/command.ts'
import type { CopyOptions } from './from-container.ts'
import { pack } from './pack.ts'
import { assertsDirectory, isContents, place, type Destination } from './paths.ts'

const DIRECTORY_BIT = 0x80000000
const SYMLINK_BIT = 0x8000000

/** @returns bytes copied */
export async function copyToContainer(
  context: Context,
  from: string,
  container: string,
  path: string,
  options: CopyOptions,
): Promise<number> {
  const { containers } = context.client
  const destination = await destinationIn(context, container, path)
  const put = { noOverwriteDirNonDir: true, copyUidGid: options.archive }
  if (from === '-') {
    if (!destination.isDirectory) throw new CliError(`destination "${container}:${path}" must be a directory`)
    await containers.archivePut(container, destination.path, context.stdin, put)
    return 0
  }
  // A slash behind a link means the directory that it leads to.
  const follow = options.followLink || assertsDirectory(from)
  let info
  try {
    info = await (follow ? stat(from) : lstat(from))
  } catch (error) {
    throw new CliError(
      `lstat ${resolve(from)}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : (error as Error).message}`,
    )
  }
  if (assertsDirectory(from) && !info.isDirectory()) throw new CliError('not a directory')
  const base = isContents(from) ? '.' : basename(resolve(from))
  const placement = place({ isDirectory: info.isDirectory(), base }, destination)
  let copied = 0
  const tar = pack(from, placement.name, { follow, onBytes: bytes => (copied += bytes) })
  await containers.archivePut(container, placement.directory, tar, put)
  return copied
}

async function destinationIn(context: Context, container: string, path: string): Promise<Destination> {
  const { containers } = context.client
  const absolute = path.startsWith('/') ? path : `/${path}`
  try {
    let target = absolute
    let info = await containers.archiveStat(container, target)
    if (info.mode & SYMLINK_BIT) {
      target = posix.resolve(posix.dirname(target), info.linkTarget)
      info = await containers.archiveStat(container, target)
    }
    return { path: target, exists: true, isDirectory: info.mode >= DIRECTORY_BIT }
  } catch (error) {
    // Not there (yet): its parent has to be. A container that is not there says so when the archive is put.
    if (!isKind(error, 'not-found')) throw error
    return { path: absolute, exists: false, isDirectory: false }
  }
}
