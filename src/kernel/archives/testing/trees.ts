import fs from 'node:fs'
import * as fc from 'fast-check'
import * as at from '../../ffi/fs.ts'
import { setTimesAt } from '../sys.ts'

/** A path to be made, with everything that a backup must keep. Names and targets are bytes (latin1). */
export interface Node {
  name: string
  type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'link'
  mode: number
  uid: number
  gid: number
  mtime: [number, number]
  atime: [number, number]
  xattrs: Record<string, string>
  /** Of files: stretches of content, with a hole before each, and one at the end. */
  stretches: { hole: number; content: Uint8Array }[]
  endHole: number
  target: string
  children: Node[]
}

const byte = fc.integer({ min: 1, max: 255 }).filter(code => code !== 0x2f)
const name = fc
  .oneof(
    { weight: 6, arbitrary: fc.array(byte, { minLength: 1, maxLength: 12 }) },
    { weight: 1, arbitrary: fc.array(byte, { minLength: 250, maxLength: 255 }) },
    {
      weight: 6,
      arbitrary: fc.constantFrom('a', 'b', 'index.html', '-x', 'ü', 'a=b', '%3D').map(text => [...Buffer.from(text)]),
    },
  )
  .map(codes => Buffer.from(codes).toString('latin1'))
  .filter(text => text !== '.' && text !== '..')

const id = fc.constantFrom(0, 0, 1000, 65534, 3_000_000, 4_000_000_000)
const moment = fc.tuple(
  fc.oneof(fc.integer({ min: -2_000_000_000, max: 10_000_000_000 }), fc.constant(1_700_000_000), fc.constant(-1)),
  fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.constant(0)),
)

const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex')

/** A POSIX ACL as the kernel stores it: owner, one user, group, mask, others. */
function acl(mask: number): Buffer {
  const bytes = Buffer.alloc(4 + 5 * 8)
  bytes.writeUInt32LE(2, 0)
  const entries = [
    [0x01, 7, 0xffffffff],
    [0x02, 5, 1234],
    [0x04, 5, 0xffffffff],
    [0x10, mask, 0xffffffff],
    [0x20, 4, 0xffffffff],
  ]
  for (const [i, [tag, perm, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag!, 4 + i * 8)
    bytes.writeUInt16LE(perm!, 6 + i * 8)
    bytes.writeUInt32LE(id!, 8 + i * 8)
  }
  return bytes
}

const xattrs = fc.dictionary(
  fc.constantFrom('user.a', 'user.=%', 'user.ü', 'trusted.t', 'security.capability', 'acl', 'default-acl'),
  fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('base64')),
  { maxKeys: 2 },
)

const content = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 600 }) },
  // Blocks of zeros that are no hole, and such as are neither.
  { weight: 1, arbitrary: fc.constantFrom(4095, 4096, 4097, 8192, 20_000).map(size => new Uint8Array(size)) },
  { weight: 1, arbitrary: fc.constantFrom(4096, 12_288, 700_000).map(size => new Uint8Array(size).fill(7)) },
)

const stretches = fc.oneof(
  { weight: 4, arbitrary: content.map(content => [{ hole: 0, content }]) },
  {
    weight: 2,
    arbitrary: fc.array(fc.record({ hole: fc.constantFrom(0, 4096, 65_536, 5_000_000), content }), { maxLength: 4 }),
  },
)

const { node } = fc.letrec<{ node: Node; leaf: Node }>(tie => ({
  leaf: fc.record({
    name,
    type: fc.oneof(
      { weight: 5, arbitrary: fc.constant('file' as const) },
      { weight: 3, arbitrary: fc.constantFrom('symlink', 'fifo', 'socket', 'char', 'block', 'link') },
    ),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: id,
    gid: id,
    mtime: moment,
    atime: moment,
    xattrs,
    stretches,
    endHole: fc.constantFrom(0, 0, 1, 4096, 3_000_000),
    target: fc.oneof(name, fc.constantFrom('/etc/passwd', '../..', 'x'.repeat(300))),
    children: fc.constant([]),
  }),
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    { weight: 5, arbitrary: tie('leaf') },
    {
      weight: 3,
      arbitrary: fc
        .tuple(tie('leaf'), fc.array(tie('node'), { maxLength: 5 }))
        .map(([leaf, children]): Node => ({ ...leaf, type: 'directory', children })),
    },
  ),
}))

/** The root of a tree. */
export const tree: fc.Arbitrary<Node> = fc
  .tuple(node, fc.array(node, { maxLength: 8 }))
  .map(([root, children]): Node => ({ ...root, type: 'directory', children }))

/** Makes what is below an existing directory, and then gives the directory itself what the node says. */
export function build(directory: string, root: Node): void {
  const firsts: string[] = []
  const inner = (path: string, node: Node) => {
    for (const child of node.children) {
      const below = `${path}/${child.name}`
      if (fs.lstatSync(raw(below), { throwIfNoEntry: false })) continue
      make(below, child, firsts)
      if (child.type === 'directory') inner(below, child)
      else if (child.type !== 'link') finish(below, child)
    }
    finish(path, node)
  }
  inner(directory, root)
}

const raw = (path: string) => Buffer.from(path, 'latin1')

function make(path: string, node: Node, firsts: string[]): void {
  const special = { fifo: at.S_IFIFO, socket: at.S_IFSOCK, char: at.S_IFCHR, block: at.S_IFBLK }
  switch (node.type) {
    case 'directory':
      return fs.mkdirSync(raw(path))
    case 'symlink':
      fs.symlinkSync(raw(node.target), raw(path))
      break
    case 'file':
      writeStretches(path, node)
      break
    case 'link': {
      const first = firsts[node.mode % Math.max(1, firsts.length)]
      if (first !== undefined) fs.linkSync(raw(first), raw(path))
      return
    }
    default:
      at.mknodat(at.AT_FDCWD, path, special[node.type], node.mode & 0xfff, node.uid & 0xfffff)
  }
  firsts.push(path)
}

function writeStretches(path: string, node: Node): void {
  const fd = fs.openSync(raw(path), 'w')
  let position = 0
  for (const { hole, content } of node.stretches) {
    position += hole
    fs.writeSync(fd, content, 0, content.length, position)
    position += content.length
  }
  fs.ftruncateSync(fd, position + node.endHole)
  // A stretch of zeros in the page cache is data; where it lies on disk the kernel says so only once it is written.
  fs.closeSync(fd)
}

function finish(path: string, node: Node): void {
  fs.lchownSync(raw(path), node.uid, node.gid)
  for (const [name, value] of Object.entries(node.xattrs)) attribute(path, node, name, Buffer.from(value, 'base64'))
  if (node.type !== 'symlink') fs.chmodSync(raw(path), node.mode)
  setTimesAt(at.AT_FDCWD, path, node.atime, node.mtime)
}

function attribute(path: string, node: Node, name: string, value: Buffer): void {
  const plain = node.type === 'file' || node.type === 'directory'
  if (name === 'acl' && node.type !== 'symlink') at.setXattr(path, 'system.posix_acl_access', acl(value.length & 7))
  else if (name === 'default-acl' && node.type === 'directory') at.setXattr(path, 'system.posix_acl_default', acl(5))
  else if (name === 'security.capability' && node.type === 'file') at.setXattr(path, name, CAPABILITY)
  else if (name.startsWith('user.') && plain) at.setXattr(path, Buffer.from(name).toString('latin1'), value)
  else if (name === 'trusted.t') at.setXattr(path, name, value)
}

/** What lstat(2), listxattr(2), read(2), readlink(2) and SEEK_HOLE say of everything in a directory, by path (latin1). */
export function snapshot(directory: string): Record<string, Record<string, unknown>> {
  const found: Record<string, Record<string, unknown>> = {}
  const inodes = new Map<bigint, string>()
  const visit = (path: string, below: string) => {
    const stat = fs.lstatSync(raw(path), { bigint: true })
    const entry: Record<string, unknown> = {
      mode: stat.mode.toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      mtime: String(stat.mtimeNs),
      // Reading a symlink changes its time, and there is no way not to.
      atime: stat.isSymbolicLink() ? '' : String(stat.atimeNs),
      xattrs: at
        .listXattrs(path)
        .sort()
        .map(name => `${name}=${at.getXattr(path, name)!.toString('hex')}`),
    }
    found[below] = entry
    if (stat.isDirectory()) {
      const names = fs.readdirSync(raw(path), { encoding: 'latin1' }).sort()
      for (const name of names) visit(`${path}/${name}`, below === '' ? name : `${below}/${name}`)
      return
    }
    entry.links = String(stat.nlink)
    const first = inodes.get(stat.ino)
    if (first !== undefined) {
      found[below] = { sameAs: first }
      return
    }
    inodes.set(stat.ino, below)
    if (stat.isSymbolicLink()) entry.target = fs.readlinkSync(raw(path), { encoding: 'latin1' })
    if (stat.isCharacterDevice() || stat.isBlockDevice()) entry.device = String(stat.rdev)
    if (stat.isFile()) {
      entry.size = String(stat.size)
      entry.holes = holes(path, Number(stat.size))
      entry.content = fs.readFileSync(raw(path)).toString('base64')
    }
  }
  visit(directory, '')
  return found
}

function holes(path: string, size: number): string {
  const fd = fs.openSync(raw(path), 'r')
  const found: string[] = []
  let position = 0
  while (position < size) {
    const data = at.nextData(fd, position)
    const start = data?.start ?? size
    if (start > position) found.push(`${position}-${start}`)
    position = data?.end ?? size
  }
  fs.closeSync(fd)
  return found.join(' ')
}
