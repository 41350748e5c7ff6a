import { posix } from 'node:path'
import { system } from '#lib/errors.ts'
import type { CopiedTree, FileStat, Files } from '#ports/files.ts'

interface Node {
  kind: 'file' | 'directory' | 'symlink'
  mode: number
  uid: number
  gid: number
  text: string
  mtimeMs: number
}

/** A file system in memory: directories, files and symlinks, enough for what policy asks of `Files`. */
export class FakeFiles implements Files {
  readonly #nodes = new Map<string, Node>([['/', directory(0o755, 0, 0)]])
  readonly #failures = new Map<string, Error>()

  async read(path: string): Promise<string> {
    const node = this.#follow(path)
    if (!node || node.kind !== 'file') throw errno(node ? 'EISDIR' : 'ENOENT', path)
    return node.text
  }

  async writeAtomic(path: string, text: string, mode = 0o644): Promise<void> {
    this.#check(path)
    this.#parent(path)
    this.#nodes.set(norm(path), { kind: 'file', mode, uid: 0, gid: 0, text, mtimeMs: Date.now() })
  }

  async writeInPlace(path: string, text: string): Promise<void> {
    this.#check(path)
    const node = this.#follow(path)
    if (!node) return this.writeAtomic(path, text)
    node.text = text
  }

  async makeDirectory(path: string, options: { mode?: number; uid?: number; gid?: number } = {}): Promise<void> {
    this.#check(path)
    const at = norm(path)
    const there = this.#follow(at)
    if (there && there.kind !== 'directory') throw errno('ENOTDIR', path)
    if (there) return
    if (at !== '/') await this.makeDirectory(posix.dirname(at))
    this.#nodes.set(at, directory(options.mode ?? 0o755, options.uid ?? 0, options.gid ?? 0))
  }

  async stat(path: string, options: { follow?: boolean } = {}): Promise<FileStat | undefined> {
    const node = options.follow ? this.#follow(path) : this.#nodes.get(norm(path))
    if (!node) return undefined
    return {
      kind: node.kind,
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      size: Buffer.byteLength(node.text),
      mtimeMs: node.mtimeMs,
      name: posix.basename(norm(path)),
      ...(node.kind === 'symlink' ? { target: node.text } : {}),
    }
  }

  async list(path: string): Promise<string[]> {
    const node = this.#follow(path)
    if (!node || node.kind !== 'directory') throw errno(node ? 'ENOTDIR' : 'ENOENT', path)
    return this.#children(path).map(child => posix.basename(child))
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check(to)
    const [source, target] = [norm(from), norm(to)]
    if (!this.#nodes.has(source)) throw errno('ENOENT', from)
    this.#parent(target)
    if (this.#children(target).length > 0) throw errno('ENOTEMPTY', to)
    for (const [path, node] of Array.from(this.#nodes)) {
      if (path !== source && !path.startsWith(`${source}/`)) continue
      this.#nodes.delete(path)
      this.#nodes.set(target + path.slice(source.length), node)
    }
  }

  async exchange(one: string, other: string): Promise<void> {
    this.#check(other)
    const [a, b] = [norm(one), norm(other)]
    for (const path of [a, b]) if (!this.#nodes.has(path)) throw errno('ENOENT', path)
    const all = Array.from(this.#nodes)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const [path, node] of all) {
        if (path !== from && !path.startsWith(`${from}/`)) continue
        if (this.#nodes.get(path) === node) this.#nodes.delete(path)
        this.#nodes.set(to + path.slice(from.length), node)
      }
    }
  }

  async moveEntries(from: string, to: string, except: readonly string[]): Promise<void> {
    for (const name of await this.list(from)) {
      if (!except.includes(name)) await this.rename(`${from}/${name}`, `${to}/${name}`)
    }
  }

  async copyAttributes(from: string, to: string): Promise<void> {
    this.#check(to)
    const [source, target] = [this.#follow(from), this.#follow(to)]
    if (!source || !target) throw errno('ENOENT', source ? to : from)
    const { mode, uid, gid, mtimeMs } = source
    Object.assign(target, { mode, uid, gid, mtimeMs })
  }

  async copyTimes(from: string, to: string): Promise<void> {
    this.#check(to)
    const [source, target] = [this.#follow(from), this.#follow(to)]
    if (!source || !target) throw errno('ENOENT', source ? to : from)
    target.mtimeMs = source.mtimeMs
  }

  async sync(path: string): Promise<void> {
    if (!this.#follow(path)) throw errno('ENOENT', path)
  }

  async syncFileSystem(path: string): Promise<void> {
    if (!this.#follow(path)) throw errno('ENOENT', path)
  }

  async remove(path: string): Promise<void> {
    this.#check(path)
    const at = norm(path)
    for (const key of Array.from(this.#nodes.keys())) {
      if (key === at || key.startsWith(`${at}/`)) this.#nodes.delete(key)
    }
  }

  async usage(path: string): Promise<number> {
    const at = norm(path)
    let bytes = 0
    for (const [key, node] of this.#nodes) {
      if (key !== at && !key.startsWith(`${at}/`)) continue
      bytes += node.kind === 'directory' ? 4096 : Math.ceil(Buffer.byteLength(node.text) / 4096) * 4096
    }
    return bytes
  }

  async copyTree(from: string, to: string): Promise<CopiedTree> {
    const [source, target] = [norm(from), norm(to)]
    if (!this.#nodes.has(source)) throw errno('ENOENT', from)
    for (const [path, node] of Array.from(this.#nodes)) {
      if (path === source || path.startsWith(`${source}/`))
        this.#nodes.set(target + path.slice(source === '/' ? 0 : source.length), { ...node })
    }
    return { files: this.#children(to).length, bytes: 0, shared: false }
  }

  async isEmptyDirectory(path: string): Promise<boolean> {
    return (await this.list(path)).length === 0
  }

  /** Test set-up: a symlink. */
  symlink(target: string, path: string): void {
    this.#nodes.set(norm(path), { kind: 'symlink', mode: 0o777, uid: 0, gid: 0, text: target, mtimeMs: Date.now() })
  }

  /** Test set-up: every change of `path` fails with `code` until `allow`. */
  refuse(path: string, code = 'ENOSPC'): void {
    this.#failures.set(norm(path), errno(code, path))
  }

  allow(path: string): void {
    this.#failures.delete(norm(path))
  }

  #check(path: string): void {
    const failure = this.#failures.get(norm(path))
    if (failure) throw failure
  }

  #parent(path: string): void {
    const parent = this.#follow(posix.dirname(norm(path)))
    if (parent?.kind !== 'directory') throw errno('ENOENT', path)
  }

  #follow(path: string): Node | undefined {
    let at = norm(path)
    for (let hops = 0; hops < 40; hops++) {
      const node = this.#nodes.get(at)
      if (node?.kind !== 'symlink') return node
      at = norm(posix.resolve(posix.dirname(at), node.text))
    }
    throw errno('ELOOP', path)
  }

  #children(path: string): string[] {
    const prefix = norm(path) === '/' ? '/' : `${norm(path)}/`
    return Array.from(this.#nodes.keys())
      .filter(key => key !== '/' && key.startsWith(prefix) && !key.slice(prefix.length).includes('/'))
      .sort()
  }
}

function directory(mode: number, uid: number, gid: number): Node {
  return { kind: 'directory', mode, uid, gid, text: '', mtimeMs: Date.now() }
}

function norm(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 ? normal.replace(/\/$/, '') : normal
}

function errno(code: string, path: string): Error {
  return system(`${path}: ${code}`, { details: { errno: code } })
}
