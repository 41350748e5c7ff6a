import fs from 'node:fs'
import type { Readable } from 'node:stream'
import { fromText, toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import { BerthError, invalid, notFound, system } from '#lib/errors.ts'
import type { FileStat, RootedFiles } from '#ports/files.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { archiveOf, streamOf } from './archive.ts'
import { kindOf } from './host-files.ts'
import { cleanPath, Root, splitPath } from './root.ts'
import { unpack } from './unpack.ts'

const { O_DIRECTORY, O_NONBLOCK, O_RDONLY } = fs.constants
/** Bytes that a file of unknown size is first given. */
const SMALL = 4096

/** Files inside a root directory, through openat2(2). What a path leads to is held by descriptor while it is used. */
export class HostRootedFiles implements RootedFiles {
  stat(root: string, path: string): Promise<FileStat> {
    return within(root, path, opened => {
      const { clean, follow, name } = parsed(path)
      const fd = follow ? opened.open(clean, at.O_PATH) : opened.openNoFollow(clean, at.O_PATH)
      try {
        const stat = at.statat(fd, '')
        const kind = kindOf(stat.mode)
        return {
          kind,
          mode: stat.mode & 0o7777,
          uid: stat.uid,
          gid: stat.gid,
          size: stat.size,
          mtimeMs: stat.mtime.seconds * 1000 + stat.mtime.nanos / 1e6,
          name: toText(name),
          ...(kind === 'symlink' ? { target: toText(targetOf(opened, clean, fd)) } : {}),
        }
      } finally {
        libc.close(fd)
      }
    })
  }

  read(root: string, path: string, maxBytes: number): Promise<string> {
    return within(root, path, opened => {
      const fd = opened.open(cleanPath(fromText(path)), O_RDONLY | O_NONBLOCK)
      try {
        const stat = at.statat(fd, '')
        if (kindOf(stat.mode) !== 'file') throw invalid(`${path} is a ${kindOf(stat.mode)}, not a file`)
        // By its size, and one byte to meet the end; files of /proc have no size and let it grow.
        let buffer = Buffer.allocUnsafe(Math.min(maxBytes + 1, Math.max(stat.size + 1, SMALL)))
        let length = 0
        for (;;) {
          if (length === buffer.length) {
            if (length > maxBytes) break
            buffer = Buffer.concat([buffer], Math.min(maxBytes + 1, 2 * length))
          }
          const read = fs.readSync(fd, buffer, length, buffer.length - length, null)
          if (read === 0) break
          length += read
        }
        if (length > maxBytes) throw invalid(`${path} is larger than ${maxBytes} bytes`)
        return buffer.toString('utf8', 0, length)
      } finally {
        libc.close(fd)
      }
    })
  }

  resolve(root: string, path: string): Promise<string> {
    return within(root, path, opened => toText(resolved(opened, cleanPath(fromText(path)))))
  }

  makeDirectories(root: string, path: string, owner?: { uid: number; gid: number }): Promise<void> {
    return within(root, path, opened => {
      opened.directory(cleanPath(fromText(path)), (parent, name) => {
        if (owner) at.chownat(parent, name, owner.uid, owner.gid)
      })
    })
  }

  archive(root: string, path: string, options: { xattrs?: boolean; name?: string } = {}): Promise<Readable> {
    return within(root, path, opened => {
      const { clean, follow, name } = parsed(path)
      const base = options.name === undefined ? name : fromText(options.name)
      const rules = { base, xattrs: options.xattrs ?? false, overlay: false }
      if (clean === '') {
        const fd = at.openat(opened.fd, '.', O_RDONLY | O_DIRECTORY)
        if (options.name !== undefined) return streamOf(fd, archiveOf(fd, '.', rules))
        return streamOf(fd, archiveOf(fd, '', { ...rules, base: '' }))
      }
      if (follow) {
        const fd = opened.open(clean, O_RDONLY | O_DIRECTORY)
        return streamOf(fd, archiveOf(fd, '.', rules))
      }
      const { parent, base: last } = splitPath(clean)
      const fd = opened.open(parent, O_RDONLY | O_DIRECTORY)
      try {
        at.statat(fd, last)
      } catch (error) {
        libc.close(fd)
        throw error
      }
      return streamOf(fd, archiveOf(fd, last, rules))
    })
  }

  async extract(
    root: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir?: boolean; chown?: { uid: number; gid: number } } = {},
  ): Promise<void> {
    const base = await within(root, path, opened => {
      const fd = opened.open(cleanPath(fromText(path)), at.O_PATH)
      try {
        if (kindOf(at.statat(fd, '').mode) !== 'directory') throw invalid('extraction point is not a directory')
        return insideRoot(opened, fd)
      } finally {
        libc.close(fd)
      }
    })
    await unpack(new Root(root), tar, { ...options, whiteouts: 'plain', root: false, base: base.slice(1) })
  }
}

/** Opens the root for the time of the work and says errors in terms of the path inside. */
async function within<T>(root: string, path: string, work: (opened: Root) => T): Promise<T> {
  if (path.includes('\0')) throw invalid(`path ${JSON.stringify(path)} holds a NUL byte`)
  const opened = new Root(root)
  try {
    return work(opened)
  } catch (cause) {
    if (hasErrno(cause, 'ENOENT')) throw notFound(`no such file or directory: ${path}`, { cause })
    if (hasErrno(cause, 'ENOTDIR')) throw invalid(`not a directory: ${path}`, { cause })
    if (hasErrno(cause, 'ELOOP')) throw invalid(`too many symbolic links: ${path}`, { cause })
    if (hasErrno(cause, 'ENAMETOOLONG')) throw invalid(`path is too long: ${path.slice(0, 80)}…`)
    if (cause instanceof BerthError) throw cause
    throw system(`${path} in ${root}`, { cause })
  } finally {
    opened.close()
  }
}

/** `/x/`, `/x/.` and `/x/..` speak of the directory that x leads to; `/x` of x itself, be it a symlink. */
function parsed(path: string): { clean: ByteString; follow: boolean; name: ByteString } {
  const clean = cleanPath(fromText(path))
  const name = splitPath(clean).base
  if (path.endsWith('/.')) return { clean, follow: true, name: '.' }
  return { clean, follow: clean === '' || name === '..' || path.endsWith('/'), name: clean === '' ? '/' : name }
}

function resolved(root: Root, clean: ByteString): ByteString {
  const fd = root.open(clean, at.O_PATH)
  try {
    return insideRoot(root, fd)
  } finally {
    libc.close(fd)
  }
}

/** The kernel's name of what is open, less that of the root; both change together when a parent is renamed. */
function insideRoot(root: Root, fd: number): ByteString {
  const top = at.readlinkat(at.AT_FDCWD, `/proc/self/fd/${root.fd}`)
  const path = at.readlinkat(at.AT_FDCWD, `/proc/self/fd/${fd}`)
  if (path === top) return '/'
  if (top === '/') return path
  if (!path.startsWith(`${top}/`)) throw notFound(`no such file or directory: ${toText(path)}`)
  return path.slice(top.length)
}

/** Where a symlink ends, or where it points if nothing is there. */
function targetOf(root: Root, clean: ByteString, link: number): ByteString {
  try {
    return resolved(root, clean)
  } catch {
    const text = at.readlinkat(link, '')
    return text.startsWith('/') ? text : `/${splitPath(clean).parent}/${text}`.replaceAll(/\/+/g, '/')
  }
}
