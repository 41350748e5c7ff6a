import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { posix } from 'node:path'
import { invalid, notFound } from '#lib/errors.ts'
import type { BootstrapRequest } from '#ports/bootstrap.ts'
import type { Pack } from 'tar-stream'

/**
 * Adds files and trees of the host to a root filesystem's tar, owned by root, in a fixed order and with a fixed time.
 * @throws not-found naming the missing file
 */
export async function addHostFiles(
  tar: Pack,
  copies: NonNullable<BootstrapRequest['copy']>,
  mtime: Date,
): Promise<void> {
  const made = new Set<string>()
  for (const { imagePath } of copies) {
    const name = relativePath(imagePath)
    for (let parent = posix.dirname(name); parent !== '.'; parent = posix.dirname(parent)) made.add(parent)
  }
  for (const name of Array.from(made).sort()) tar.entry({ name, type: 'directory', mode: 0o755, mtime })
  for (const { hostPath, imagePath } of copies) await addTree(tar, hostPath, relativePath(imagePath), mtime)
}

/** `/app/server.js` as `app/server.js`. @throws invalid for a path that is not absolute or leaves the root */
export function relativePath(imagePath: string): string {
  if (!imagePath.startsWith('/') || imagePath.split('/').includes('..')) {
    throw invalid(`path in the image must be absolute and without "..": ${imagePath}`)
  }
  return posix.normalize(imagePath).replace(/^\/|\/$/g, '')
}

async function addTree(tar: Pack, from: string, name: string, mtime: Date): Promise<void> {
  const stat = await lstat(from).catch((cause: unknown) => {
    throw notFound(`cannot copy ${from} into the image: no such file`, { cause })
  })
  const header = { name, mode: stat.mode & 0o7777, mtime }
  if (stat.isDirectory()) {
    if (name !== '') tar.entry({ ...header, type: 'directory' })
    for (const child of (await readdir(from)).sort()) {
      await addTree(tar, `${from}/${child}`, posix.join(name, child), mtime)
    }
  } else if (stat.isSymbolicLink()) tar.entry({ ...header, type: 'symlink', linkname: await readlink(from) })
  else if (stat.isFile()) tar.entry(header, await readFile(from))
  else throw invalid(`cannot copy ${from} into the image: neither file, directory nor symbolic link`)
}
