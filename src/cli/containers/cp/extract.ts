import {
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  realpathSync,
} from 'node:fs'
import { chmodSync, lchownSync, rmSync, symlinkSync, utimesSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { TarReader, toText, type TarEntry } from '#codec/tar/index.ts'
import { CliError } from '../../core/command.ts'
import { renamed } from './paths.ts'

export interface ExtractOptions {
  /** Must exist. */
  directory: string
  /** New name of the archive's root, see `renamed`. */
  name: string
  /** Give files the owners that the archive names (root only). */
  owners: boolean
  warn: (message: string) => void
}

/**
 * Unpacks what a container sent. Nothing in the archive leads out of `directory`: parents are resolved before use, and
 * a link that the archive itself made is not written through.
 * @returns bytes of file content
 */
export async function extractTo(tar: Readable, options: ExtractOptions): Promise<number> {
  const extraction = new Extraction(options)
  const reader = new TarReader(extraction)
  for await (const chunk of tar) reader.push(chunk as Buffer)
  reader.finish()
  extraction.finish()
  return extraction.copied
}

class Extraction {
  copied = 0
  readonly #options: ExtractOptions
  readonly #root: string
  #archiveRoot: string | undefined
  #fd = -1
  #entry: TarEntry | undefined
  /** Times of directories are set last: filling them changes them. */
  readonly #directories: { path: string; entry: TarEntry }[] = []

  constructor(options: ExtractOptions) {
    this.#options = options
    this.#root = realpathSync(options.directory)
  }

  entry(entry: TarEntry): void {
    const name = toText(entry.name)
    this.#archiveRoot ??=
      name
        .replace(/^\.\/(?=.)/, '')
        .replace(/\/+$/, '')
        .split('/')[0] || '.'
    const path = this.#inside(renamed(name, this.#archiveRoot, this.#options.name))
    switch (entry.type) {
      case 'directory':
        this.#directory(path, entry)
        break
      case 'file':
        this.#clear(path)
        this.#fd = openSync(path, 'wx', entry.mode & 0o777)
        this.#entry = entry
        if (this.#options.owners) lchownSync(path, entry.uid, entry.gid)
        break
      case 'symlink':
        this.#clear(path)
        symlinkSync(toText(entry.linkName), path)
        if (this.#options.owners) lchownSync(path, entry.uid, entry.gid)
        lutimesSync(path, entry.mtime.seconds, entry.mtime.seconds)
        break
      case 'link':
        this.#clear(path)
        linkSync(this.#inside(renamed(toText(entry.linkName), this.#archiveRoot, this.#options.name)), path)
        break
      default:
        this.#options.warn(`skipped ${name}: a ${entry.type} device cannot be made here`)
    }
  }

  data(chunk: Buffer): void {
    if (this.#fd < 0) return
    for (let at = 0; at < chunk.length;) at += writeSync(this.#fd, chunk, at)
    this.copied += chunk.length
  }

  end(): void {
    if (this.#fd < 0) return
    fchmodSync(this.#fd, this.#entry!.mode & 0o7777)
    futimesSync(this.#fd, this.#entry!.mtime.seconds, this.#entry!.mtime.seconds)
    closeSync(this.#fd)
    this.#fd = -1
  }

  finish(): void {
    for (const { path, entry } of this.#directories.toReversed()) {
      chmodSync(path, entry.mode & 0o7777)
      utimesSync(path, entry.mtime.seconds, entry.mtime.seconds)
    }
  }

  #directory(path: string, entry: TarEntry): void {
    const there = lstatSync(path, { throwIfNoEntry: false })
    const isRoot = path === this.#root
    if (there && !there.isDirectory() && !isRoot) {
      throw new CliError(`cannot overwrite non-directory ${path} with directory`)
    }
    if (!there) mkdirSync(path)
    // The directory that was there before keeps its own mode and owner.
    if (isRoot) return
    if (this.#options.owners) lchownSync(path, entry.uid, entry.gid)
    this.#directories.push({ path, entry })
  }

  #clear(path: string): void {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (!there) return
    if (there.isDirectory()) throw new CliError(`cannot overwrite directory ${path} with non-directory`)
    rmSync(path)
  }

  #inside(name: string): string {
    if (name === '.') return this.#root
    if (name.split('/').includes('..')) throw new CliError(`the archive holds the path ${name}, which leads out of it`)
    const path = join(this.#root, name)
    const parent = dirname(path)
    if (!lstatSync(parent, { throwIfNoEntry: false })) mkdirSync(parent, { recursive: true })
    const real = realpathSync(parent)
    if (real !== this.#root && !real.startsWith(this.#root === '/' ? '/' : `${this.#root}/`)) {
      throw new CliError(`the archive's path ${name} leads through a link out of ${this.#root}`)
    }
    return join(real, basename(path))
  }
}
