import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BerthError, messageOf, system } from '#lib/errors.ts'
import type { CopiedTree, CopyOptions, FileStat, Files } from '#ports/files.ts'
import { fromText } from '#codec/tar/index.ts'
import * as at from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { Calls } from '../usage/calls.ts'
import { treeSize } from '../usage/walk.ts'
import { copyAttributes } from './attributes.ts'
import { copyBeside } from './copy-thread.ts'
import { copyTree } from './copy-tree.ts'
import { kindOfMode } from './kind.ts'
import { Reach } from './reach.ts'
import { removeTreePooled } from './remove-pooled.ts'
import { inSlices } from './slices.ts'
import { namesIn } from './walk.ts'

const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY

/**
 * Files of the host. Small files in Berth's own directories are written at once: a trip to the thread pool costs more
 * than the write. Paths that users name may lie on a file server, so those are looked at from the pool.
 */
export class HostFiles implements Files {
  #serial = 0
  readonly #reach: Reach
  #calls: Calls | undefined

  constructor(reach = new Reach()) {
    this.#reach = reach
  }

  read(path: string): Promise<string> {
    return failing(`read ${path}`, () => fs.promises.readFile(path, 'utf8'))
  }

  writeAtomic(path: string, text: string, mode = 0o644): Promise<void> {
    return failing(`write ${path}`, () => {
      const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${this.#serial++}`)
      try {
        fs.writeFileSync(temporary, text, { mode, flag: 'wx' })
        fs.renameSync(temporary, path)
      } catch (error) {
        fs.rmSync(temporary, { force: true })
        throw error
      }
    })
  }

  writeInPlace(path: string, text: string): Promise<void> {
    return failing(`write ${path}`, () => fs.writeFileSync(path, text))
  }

  makeDirectory(path: string, options: { mode?: number; uid?: number; gid?: number } = {}): Promise<void> {
    return failing(`make directory ${path}`, () => {
      const { mode, uid, gid } = options
      if (fs.mkdirSync(path, { recursive: true }) === undefined) return
      if (uid !== undefined || gid !== undefined) fs.chownSync(path, uid ?? 0, gid ?? 0)
      if (mode !== undefined) fs.chmodSync(path, mode)
    })
  }

  async stat(path: string, options: { follow?: boolean } = {}): Promise<FileStat | undefined> {
    try {
      if (options.follow) await this.#reach.check(path)
      const stat = options.follow ? await fs.promises.stat(path) : await fs.promises.lstat(path)
      const kind = kindOf(stat.mode)
      return {
        kind,
        mode: stat.mode & 0o7777,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size,
        mtimeMs: stat.mtimeMs,
        name: basename(path),
        ...(kind === 'symlink' ? { target: await fs.promises.readlink(path) } : {}),
        ...(kind === 'char' || kind === 'block' ? { device: deviceOf(stat.rdev) } : {}),
      }
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined
      throw explained(`stat ${path}`, cause)
    }
  }

  list(path: string): Promise<string[]> {
    return failing(`list ${path}`, async () => (await fs.promises.readdir(path)).sort())
  }

  rename(from: string, to: string): Promise<void> {
    return failing(`rename ${from} to ${to}`, () => fs.renameSync(from, to))
  }

  exchange(one: string, other: string): Promise<void> {
    return failing(`exchange ${one} and ${other}`, () => at.exchange(fromText(one), fromText(other)))
  }

  moveEntries(from: string, to: string, except: readonly string[]): Promise<void> {
    const staying = new Set(except.map(fromText))
    return failing(`move what is in ${from} to ${to}`, () =>
      opened([from, to], ([source, target]) => inSlices(moved(source!, target!, staying))),
    )
  }

  copyAttributes(from: string, to: string): Promise<void> {
    return failing(`make ${to} look like ${from}`, () =>
      opened([from, to], async ([source, target]) => copyAttributes(source!, target!)),
    )
  }

  copyTimes(from: string, to: string): Promise<void> {
    return failing(`give ${to} the times of ${from}`, () =>
      opened([from, to], async ([source, target]) => at.futime(target!, at.statat(source!, '').mtime)),
    )
  }

  sync(path: string): Promise<void> {
    return failing(`write ${path} back`, () => opened([path], async ([fd]) => void (await at.fsyncAsync(fd!)), 0))
  }

  syncFileSystem(path: string): Promise<void> {
    return failing(`write ${path} back`, () => opened([path], async ([fd]) => void (await at.syncfsAsync(fd!)), 0))
  }

  remove(path: string): Promise<void> {
    return failing(`remove ${path}`, async () => {
      if (!fs.existsSync(dirname(path))) return
      const parent = libc.open(dirname(path), DIRECTORY)
      try {
        await removeTreePooled(parent, fromText(basename(path)))
      } finally {
        libc.close(parent)
      }
    })
  }

  usage(path: string): Promise<number> {
    return failing(`measure ${path}`, () => this.#usage(path))
  }

  async #usage(path: string): Promise<number> {
    this.#calls ??= new Calls()
    return (await inSlices(treeSize(this.#calls, path))).bytes
  }

  copyTree(from: string, to: string, options: CopyOptions = {}): Promise<CopiedTree> {
    return failing(`copy ${from} to ${to}`, () =>
      options.background ? copyBeside(from, to, options) : copyTree(from, to),
    )
  }

  isEmptyDirectory(path: string): Promise<boolean> {
    return failing(`list ${path}`, async () => {
      await this.#reach.check(path)
      const directory = await fs.promises.opendir(path)
      try {
        return (await directory.read()) === null
      } finally {
        await directory.close()
      }
    })
  }
}

async function opened(
  paths: string[],
  work: (descriptors: number[]) => Promise<void>,
  flags = DIRECTORY,
): Promise<void> {
  const descriptors: number[] = []
  try {
    for (const path of paths) descriptors.push(libc.open(path, flags))
    await work(descriptors)
  } finally {
    for (const one of descriptors) libc.close(one)
  }
}

function* moved(from: number, to: number, staying: ReadonlySet<string>): Generator<void, void> {
  for (const name of namesIn(from)) {
    if (!staying.has(name)) at.renameat(from, name, to, name)
    yield
  }
}

export function kindOf(mode: number): FileStat['kind'] {
  return kindOfMode(mode) ?? 'file'
}

async function failing<T>(operation: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw explained(operation, cause)
  }
}

function explained(operation: string, cause: unknown): BerthError {
  if (cause instanceof BerthError && cause.kind !== 'system') return cause
  const words = messageOf(cause).replace(/^(E[A-Z0-9]+): ([^,]+),.*$/, '$2')
  return system(`${operation}: ${words}`, { cause, details: { errno: codeOf(cause) } })
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof BerthError) return error.details.errno as string | undefined
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** Linux packs major and minor numbers so (makedev(3)); both fit 32 bits here. */
function deviceOf(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) }
}
