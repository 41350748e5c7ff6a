import { stat } from 'node:fs/promises'
import { dirname, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Context } from '../../core/context.ts'
import { CliError } from '../../core/command.ts'
import { extractTo } from './extract.ts'
import { isContents, place, type Destination } from './paths.ts'

const DIRECTORY_BIT = 0x80000000
const SYMLINK_BIT = 0x8000000

export interface CopyOptions {
  archive: boolean
  followLink: boolean
}

/** @returns bytes copied */
export async function copyFromContainer(
  context: Context,
  container: string,
  path: string,
  to: string,
  options: CopyOptions,
): Promise<number> {
  const { containers } = context.client
  let source = path
  let base = isContents(path) ? '.' : posix.basename(path.replace(/\/+$/, '')) || '/'
  if (options.followLink) {
    const info = await containers.archiveStat(container, path)
    // The copy keeps the link's name.
    if (info.mode & SYMLINK_BIT) source = posix.resolve(posix.dirname(path), info.linkTarget)
  }
  const { stat: info, tar } = await containers.archiveGet(container, source)
  if (to === '-') {
    await pipeline(tar, context.stdout, { end: false })
    return 0
  }
  const isDirectory = info.mode >= DIRECTORY_BIT
  if (base === '/') base = '.'
  const destination = await destinationAt(to)
  const placement = place({ isDirectory, base }, destination)
  if (!(await stat(placement.directory).catch(() => undefined))?.isDirectory()) {
    tar.destroy()
    throw new CliError(`invalid output path: directory ${JSON.stringify(placement.directory)} does not exist`)
  }
  return extractTo(tar, {
    ...placement,
    owners: options.archive && process.getuid?.() === 0,
    warn: message => context.warn(message),
  })
}

async function destinationAt(path: string): Promise<Destination> {
  const info = await stat(path).catch(() => undefined)
  if (!info && !path.includes('/')) return { path: `./${path}`, exists: false, isDirectory: false }
  if (info && !info.isDirectory() && !path.includes('/')) {
    return { path: `${dirname(path)}/${path}`, exists: true, isDirectory: false }
  }
  return { path, exists: info !== undefined, isDirectory: info?.isDirectory() ?? false }
}
